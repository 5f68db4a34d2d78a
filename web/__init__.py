"""HTML pages: a video player, and the pages for passwords, e-mail confirmation and OAuth consent."""
