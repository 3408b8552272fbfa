"""From pictures to keypoints: detectors, estimators, and putting them together by name."""
