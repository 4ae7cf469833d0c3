"""What a training job does: models compete, are judged, and the winner learns from all data."""
