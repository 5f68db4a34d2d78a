"""Files in forms."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, File, Form, UploadFile

from tests.conf.fastapi.base import Call, case

ONE = {"file": ("a.txt", b"content", "text/plain")}
TWO = [("files", ("a.txt", b"a", "text/plain")), ("files", ("b.txt", b"bb", "text/plain"))]


@case("File as bytes", Call("POST", "/", files=ONE), Call("POST", "/", status=422), uploads=True)
def file_bytes(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(file: Annotated[bytes, File()]) -> int:
        return len(file)


@case("UploadFile", Call("POST", "/", files=ONE), Call("POST", "/", status=422), uploads=True)
def upload_file(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(file: UploadFile) -> dict[str, object]:
        content = file.file.read()
        return {"name": file.filename, "type": file.content_type, "size": file.size, "content": content.decode()}


@case("UploadFile of an async route", Call("POST", "/", files=ONE), uploads=True)
def upload_file_async(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    async def create(file: UploadFile) -> str:
        return (await file.read()).decode()


@case("An optional UploadFile", Call("POST", "/"), Call("POST", "/", files=ONE), uploads=True)
def upload_optional(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(file: UploadFile | None = None) -> str | None:
        return file.filename if file else None


@case("Several files", Call("POST", "/bytes/", files=TWO), Call("POST", "/uploads/", files=TWO), uploads=True)
def upload_several(app: FastAPI, router: APIRouter) -> None:
    @router.post("/bytes/")
    def create_bytes(files: Annotated[list[bytes], File()]) -> list[int]:
        return [len(file) for file in files]

    @router.post("/uploads/")
    def create_uploads(files: list[UploadFile]) -> list[str | None]:
        return [file.filename for file in files]


@case("A file and form fields", Call("POST", "/", files=ONE, data={"token": "x"}), uploads=True)
def file_and_form(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(file: Annotated[bytes, File(description="A file")], token: Annotated[str, Form()]) -> list[object]:
        return [len(file), token]


@case("A dependency takes a file", Call("POST", "/", files=ONE), uploads=True)
def file_in_dependency(app: FastAPI, router: APIRouter) -> None:
    def size_of(file: UploadFile) -> int:
        return len(file.file.read())

    @router.post("/")
    def create(size: Annotated[int, Depends(size_of)]) -> int:
        return size
