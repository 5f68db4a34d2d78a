"""The player: a page that lists the videos and plays them."""
