# The self-extracting executable, unpacked once for every user.
#   docker build --tag rabbitmq-backup .
#   docker run --rm --volume "$PWD:/work" rabbitmq-backup backup --config backup.yaml
FROM debian:trixie-slim AS build
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates git npm \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN scripts/deno task build:portable
ENV RABBITMQ_BACKUP_CACHE=/opt/rabbitmq-backup
RUN dist/rabbitmq-backup --version && chmod -R go+rX /opt/rabbitmq-backup

FROM debian:trixie-slim
COPY --from=build /src/dist/rabbitmq-backup /usr/local/bin/rabbitmq-backup
COPY --from=build /opt/rabbitmq-backup /opt/rabbitmq-backup
# Progress file and spool go below XDG_STATE_HOME: mount a volume there, so that runs can go on.
ENV RABBITMQ_BACKUP_CACHE=/opt/rabbitmq-backup XDG_STATE_HOME=/var/lib
RUN install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/rabbitmq-backup /work
USER 10001:10001
WORKDIR /work
VOLUME /var/lib/rabbitmq-backup
ENTRYPOINT ["/usr/local/bin/rabbitmq-backup"]
