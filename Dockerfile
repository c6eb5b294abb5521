# Owns: the one image of every role and command. Which one runs is the command of the container:
# `services/collector/main.ts` (the default), `services/executor/main.ts`, `services/ai/main.ts`, `cli/main.ts audit --all`.
#
# Node.js runs the TypeScript as it is, which it does outside of node_modules only.

ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /riposte
# Where no registry of packages can be reached from here, `production/node_modules` in the context is taken instead:
# tools/containers/build-context.ts makes it.
COPY package.json package-lock.json production* ./
RUN [ -d node_modules ] || npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
ENV NODE_ENV=production HTTP_PORT=8080
WORKDIR /riposte
COPY --from=dependencies /riposte/node_modules node_modules
COPY package.json ./
COPY shared shared
COPY rules rules
COPY policies policies
COPY services services
COPY cli cli
COPY tools tools
# A number, so that a platform can see that it is not root; nothing here is this user's to write.
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# A role waits a minute for a server that is not there yet; as long it is starting and not unhealthy.
HEALTHCHECK --start-period=60s --interval=5s --timeout=5s --retries=3 CMD ["node", "tools/containers/ready.mjs"]
ENTRYPOINT ["node"]
CMD ["services/collector/main.ts"]
