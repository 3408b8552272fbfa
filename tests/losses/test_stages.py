import torch

from pinpoint.losses.heatmap import mean_squared_error
from pinpoint.losses.stages import staged_mean_squared_error


def test_every_stage_counts_as_much_as_the_last():
    generator = torch.Generator().manual_seed(0)
    first, last, bells = torch.rand(3, 2, 5, 8, 6, generator=generator)
    wanted = mean_squared_error((first,), (bells,)) + mean_squared_error((last,), (bells,))
    torch.testing.assert_close(staged_mean_squared_error((first, last), (bells,)), wanted)


def test_one_stage_is_the_plain_loss():
    maps, bells = torch.rand(2, 2, 5, 8, 6, generator=torch.Generator().manual_seed(0))
    plain = mean_squared_error((maps,), (bells,))
    torch.testing.assert_close(staged_mean_squared_error((maps,), (bells,)), plain)
