"""Photos of diagnostics."""

from clinic.diagnostics.models import Diagnostic
from conf.storage.pictures import Pictures

MAKE = "clinic.diagnostics.make_photo"
PHOTOS = Pictures(Diagnostic, what="diagnostic", name="photo", folder="diagnostics", task=MAKE)
