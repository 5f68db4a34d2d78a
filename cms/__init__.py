"""The video library: upload, transcoding to HLS, and playback. Table: `videos`."""
