"""Keypoints of bodies, faces, hands, animals and your own objects, in images and video."""
