"""A program that runs inside the sandbox: create a JPEG of a picture or of the first page of a PDF.

    preview_file.py SOURCE FOLDER

It writes `preview.jpg` and prints the number of pages, or the reason for a failure. It imports nothing from Campus.
"""

import sys
from pathlib import Path

import pypdfium2
from PIL import Image, ImageOps

SIZE = 1200
MAX_PIXELS = 100_000_000
Image.MAX_IMAGE_PIXELS = None  # the size is checked below


def preview(source: str, folder: str) -> str:
    with Path(source).open("rb") as file:
        is_pdf = file.read(5) == b"%PDF-"
    picture, pages = _of_pdf(source) if is_pdf else (_of_picture(source), 1)
    picture.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS)
    picture.convert("RGB").save(Path(folder) / "preview.jpg", quality=85, optimize=True)
    return str(pages)


def _of_pdf(source: str) -> tuple[Image.Image, int]:
    document = pypdfium2.PdfDocument(source)
    if not len(document):
        raise ValueError("no pages")
    page = document[0]
    scale = SIZE / max(*page.get_size(), 1)
    return page.render(scale=scale).to_pil(), len(document)


def _of_picture(source: str) -> Image.Image:
    with Image.open(source, formats=["JPEG", "PNG", "WEBP", "GIF"]) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"too large: {picture.width}×{picture.height} pixels")
        picture.draft("RGB", (2 * SIZE, 2 * SIZE))
        grey16 = picture.mode.startswith("I;16")  # such as X-rays
        eight_bits = picture.point(lambda value: value / 256).convert("L") if grey16 else picture
        upright = ImageOps.exif_transpose(eight_bits).convert("RGBA")
    flat = Image.new("RGB", upright.size, "white")
    flat.paste(upright, mask=upright.getchannel("A"))
    return flat


if __name__ == "__main__":
    try:
        print(preview(*sys.argv[1:3]))
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            print("The PDF is protected by a password. Upload a PDF without a password.")
        else:
            print("The PDF cannot be read: it is damaged.")
    except (OSError, ValueError, SyntaxError) as error:
        print("The file cannot be read: it is damaged.")
        print(error, file=sys.stderr)
