"""Dependencies of the routes of both API versions."""

from typing import Annotated

from fastapi import Depends

from cms.videos import containers, helpers
from conf.db.dependencies import DbSession
from conf.http.schemas import Id
from conf.http.uploads import upload
from conf.storage.incoming import IncomingFile
from iam.dependencies import SignedIn


def editable_video(video_id: Id, db: DbSession, me: SignedIn) -> None:
    """Check that the caller may change the video, before a large file is received. Raises: NotFound; Forbidden."""
    helpers.assert_may_change(db, video_id=video_id, editor=me)


EDITABLE = Depends(editable_video)
VideoFile = Annotated[IncomingFile, upload(sniff=containers.sniff)]
