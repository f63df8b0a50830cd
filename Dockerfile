# hotlead in an image: built as the Debian package, which knows its libraries, and installed from it.
#   docker build -t hotlead .
#   docker run -v $PWD/config:/etc/hotlead:ro hotlead
FROM debian:trixie-slim AS build
COPY config/packages.sh /packages.sh
RUN . /packages.sh && apt-get -qq update && apt-get -qq install -y --no-install-recommends $BUILD_PACKAGES $PACKAGE_PACKAGES
COPY . /src
RUN cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr -DHL_PACKAGE=ON -DHL_TRAINED=ON -DHL_TESTS=OFF -DHL_PERF=OFF && \
    cmake --build /build && cd /build && cpack -G DEB

FROM debian:trixie-slim
COPY --from=build /build/hotlead_*.deb /tmp/
# A number that Kubernetes can be told (runAsUser), known to be no root.
RUN groupadd --gid 65532 hotlead && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin hotlead && \
    apt-get -qq update && apt-get -qq install -y --no-install-recommends ca-certificates systemd-standalone-sysusers /tmp/hotlead_*.deb && \
    apt-get clean && rm -rf /tmp/hotlead_*.deb /var/lib/apt/lists/*
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/hotlead"]
CMD ["run", "-c", "/etc/hotlead/hotlead.yaml"]
