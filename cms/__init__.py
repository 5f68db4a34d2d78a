"""The video library: table `videos`, for everyone who watches or publishes."""
