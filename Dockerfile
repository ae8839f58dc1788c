# fairgate in a small image: one program, which runs as nobody and writes only to its volume.
#
#   docker build -t fairgate .
#   docker run -v fairgate:/var/lib/fairgate -v ./fairgate.toml:/etc/fairgate/fairgate.toml:ro -p 8080:8080 fairgate \
#     edge --config /etc/fairgate/fairgate.toml
FROM rust:1-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake python3 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package fairgate --bin fairgate --no-default-features --features amqp
# What the program is made of. Its time is that of the build, or SOURCE_DATE_EPOCH.
ARG SOURCE_DATE_EPOCH
RUN scripts/sbom.py --binary target/release/fairgate --output target/sbom/fairgate.cdx.json

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner 65532 --group 65532 --mode 0700 /var/lib/fairgate
COPY --from=build /src/target/release/fairgate /usr/bin/fairgate
COPY --from=build /src/target/sbom/fairgate.cdx.json /usr/share/doc/fairgate/fairgate.cdx.json
USER 65532:65532
WORKDIR /var/lib/fairgate
VOLUME /var/lib/fairgate
# The gate, its admin listener, the booking core and its metrics.
EXPOSE 8080 9090 3000 9091
ENTRYPOINT ["/usr/bin/fairgate"]
