"""torchvision from PyPI beside a torch without CUDA: its operators ask for two libraries that are not there.

They need them for CUDA alone. Two empty libraries with the names and functions that the loader looks for,
made by `gcc` in a temporary folder and loaded first, are enough.
"""

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

from environment import skip

__all__ = ["load"]

LIBRARIES = {
    "libc10_cuda.so": (),
    "libtorch_cuda.so": (
        "torch_c10_cuda_free_error_msg",
        "torch_c10_cuda_check_msg",
        "aoti_torch_get_current_cuda_stream",
    ),
}
"""Functions that torchvision 0.29.2 looks for, by the library that has them."""


def load() -> None:
    """Make and load the libraries; call it before `import torchvision`.

    Raises:
        SystemExit: There is no gcc.
    """
    if shutil.which("gcc") is None:
        skip("torchvision beside a torch without CUDA needs gcc")
    with tempfile.TemporaryDirectory() as folder:
        for name, functions in LIBRARIES.items():
            source, library = Path(folder, "empty.c"), Path(folder, name)
            source.write_text("".join(f"int {function}(void) {{ return 1; }}\n" for function in functions))
            subprocess.run(
                ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", library, source], check=True
            )
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
