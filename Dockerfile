# Baton in a container: one process, not root, port 8080.
#
#   docker build -t baton .
#   docker run -p 8080:8080 baton                                   serves the sample models that are in the image
#   docker run -p 8080:8080 -e MLFLOW_TRACKING_URI=http://mlflow:5000 \
#     -e MODEL_NAME=iris-classifier -e MODEL_ALIAS=champion baton   serves what the alias names, and follows it
#
# MLFLOW_TRACKING_URI   the MLflow server whose registry is followed (without it: the folder /app/models)
# MODEL_NAME            the registered model to serve               (without it: every model of the folder)
# MODEL_ALIAS           the alias of MODEL_NAME to follow           (champion)
#
# Every other setting of `baton serve` has a variable too: docker run --rm baton serve --help

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund
# The package of ONNX Runtime holds the library for five platforms, 290 MB; one of them runs here. Source maps are
# another 60 MB.
RUN cd node_modules/onnxruntime-node/bin/napi-v6 \
  && mv "linux/$(node -p process.arch)" /tmp/native && rm -rf ./* && mkdir linux \
  && mv /tmp/native "linux/$(node -p process.arch)" \
  && find /app/dist /app/node_modules -name '*.map' -delete

FROM node:24-slim
LABEL org.opencontainers.image.title="baton" \
  org.opencontainers.image.description="Serves models from an MLflow registry and hands over to the next version without dropping a request" \
  org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
  BATON_HOST=0.0.0.0 \
  BATON_PORT=8080 \
  BATON_CACHE_DIR=/var/cache/baton
WORKDIR /app
RUN mkdir -p /var/cache/baton && chown node:node /var/cache/baton
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY LICENSE ./
COPY models models
# By number, so that Kubernetes can tell that it is not root (runAsNonRoot).
USER 1000:1000
VOLUME /var/cache/baton
EXPOSE 8080
# There is no curl in the slim image.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.BATON_PORT}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# No shell and no npm between: SIGTERM reaches the server itself, and `docker stop` drains. Docker waits 10 s before it
# kills; `docker stop -t 40` leaves requests the whole of BATON_DRAIN_TIMEOUT.
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
CMD ["serve"]
