# The server in a container. Give it at least a name and a key, and a volume for /data:
#   docker run --init -p 8000:8000 -v errandry:/data -v ./commands:/commands:ro \
#     -e ERRANDRY_PUBLIC_URL=http://localhost:8000 -e ERRANDRY_JWT_SECRET="$(openssl rand -hex 32)" errandry
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/serve.txt requirements/
RUN python -m venv /opt/errandry \
 && /opt/errandry/bin/pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes -r requirements/serve.txt
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY commands commands
COPY src src
RUN /opt/errandry/bin/pip install --no-cache-dir --disable-pip-version-check \
    --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin errandry \
 && install -d -o errandry -g errandry -m 0700 /data
COPY --from=build /opt/errandry /opt/errandry
ENV PATH=/opt/errandry/bin:$PATH \
    ERRANDRY_HOST=0.0.0.0 \
    ERRANDRY_DATA_DIR=/data \
    ERRANDRY_COMMANDS_DIR=/commands
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-c", \
  "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ.get('ERRANDRY_PORT') or 8000), timeout=3); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["errandry"]
CMD ["serve"]
