"""Plain FastAPI, as in tutorials: `def` routes, a session dependency with `yield`, `db.query`, `response_model`."""

import datetime as dt
import os
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from cms.videos.models import Video as VideoRow

engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg2://"))
make_session = sessionmaker(engine)
app = FastAPI()


class Video(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    description: str
    is_active: bool
    source_key: str | None
    status: str
    error: str | None
    duration_s: float | None
    width: int | None
    height: int | None
    poster_key: str | None
    hls_key: str | None
    job_id: int | None
    created_at: dt.datetime
    updated_at: dt.datetime


def get_db() -> Iterator[Session]:
    db = make_session()
    try:
        yield db
    finally:
        db.close()


@app.get("/api/v1/videos/", response_model=list[Video])
def page(db: Annotated[Session, Depends(get_db)], skip: int = 0, limit: int = 20) -> list[VideoRow]:
    return db.query(VideoRow).order_by(VideoRow.id).offset(skip).limit(limit).all()


@app.get("/api/v1/videos/{video_id}/", response_model=Video)
def one(video_id: int, db: Annotated[Session, Depends(get_db)]) -> VideoRow:
    video = db.query(VideoRow).filter(VideoRow.id == video_id).first()
    if video is None:
        raise HTTPException(404)
    return video
