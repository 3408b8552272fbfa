"""Reading and writing: pictures, videos, and keypoints in the files of everybody's tools."""
