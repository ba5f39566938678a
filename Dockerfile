# The watchdog's image: Python, the locked requirements, the project. Nothing that could build or
# install anything is in it, and it writes into two folders alone, so its root may be read-only.
#
# The exact tag says what is meant, the digest what is got: whoever wants both writes
# --build-arg PYTHON_IMAGE=python:3.11.15-slim-bookworm@sha256:… with the digest that
# `docker buildx imagetools inspect python:3.11.15-slim-bookworm` tells.
ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# First what changes seldom. Every package is a wheel with a known hash: nothing is compiled.
COPY requirements/run.txt requirements/build.txt requirements/
RUN python -m venv --without-pip /opt/gpu-watchdog \
 && python -m pip --python /opt/gpu-watchdog/bin/python install --only-binary :all: \
      --require-hashes -r requirements/run.txt \
 && python -m venv --without-pip tools \
 && python -m pip --python tools/bin/python install --only-binary :all: \
      --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
RUN tools/bin/python -m hatchling build --target wheel --directory dist \
 && python -m pip --python /opt/gpu-watchdog/bin/python install --no-deps --no-index dist/*.whl

FROM ${PYTHON_IMAGE}
# The two folders are what volumes are put upon: a new volume takes the owner of the folder.
RUN python -m pip uninstall --yes pip setuptools wheel \
 && groupadd --system --gid 10001 gpu-watchdog \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /srv/gpu-watchdog \
      --shell /usr/sbin/nologin gpu-watchdog \
 && install -d -m 0750 -o 10001 -g 10001 /srv/gpu-watchdog/state /run/gpu-watchdog
COPY --from=build /opt/gpu-watchdog /opt/gpu-watchdog
ENV PATH=/opt/gpu-watchdog/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    WATCHDOG_CONFIG=/etc/gpu-watchdog/watchdog.yaml
# The configuration's relative paths begin here: state/ and secrets/.
WORKDIR /srv/gpu-watchdog
USER 10001:10001
EXPOSE 8090
# Without a proxy, which urllib would ask for; and without curl, which is not there.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "from http.client import HTTPConnection as To; to = To('127.0.0.1', 8090, timeout=3); to.request('GET', '/-/healthy'); raise SystemExit(to.getresponse().status != 200)"]
ENTRYPOINT ["gpu-watchdog"]
CMD ["serve"]
