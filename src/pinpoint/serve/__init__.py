"""`pinpoint serve`: keypoints over HTTP and WebSocket, with limits on everything that comes from outside."""
