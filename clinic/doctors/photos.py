"""Photos of doctors."""

from clinic.doctors.models import Doctor
from conf.storage.pictures import Pictures

MAKE = "clinic.doctors.make_photo"
PHOTOS = Pictures(Doctor, what="doctor", name="photo", folder="doctors", task=MAKE)
