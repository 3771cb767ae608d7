import type { CacheEvent } from './artifacts/cache/artifact-cache.ts'
import { ColdStart } from './assembly/cold-start.ts'
import { createEventWebhook } from './assembly/create-event-webhook.ts'
import { createOutcomeTags } from './assembly/create-outcome-tags.ts'
import { type ModelSource, openModelSource } from './assembly/model-source.ts'
import { Operator } from './assembly/operator.ts'
import { createPins } from './assembly/pins.ts'
import { RegistryFeed } from './assembly/registry-feed.ts'
import { servedRefs } from './assembly/served-refs.ts'
import { createServing } from './assembly/serving-parts.ts'
import { createWebhookVerifier } from './assembly/webhook-verifier.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config/read-config.ts'
import type { PreparedThread } from './engines/prepared-thread.ts'
import type { WorkerPool } from './engines/worker-pool.ts'
import { createApp } from './http/app.ts'
import { BodyBudget, defaultBodyBytes } from './http/body-budget.ts'
import { Listener } from './http/listener.ts'
import type { VersionScoring } from './http/version-scoring.ts'
import type { Logger } from './log.ts'
import { ServingMetrics } from './metrics.ts'
import type { EventWebhook } from './observe/event-webhook.ts'
import { setGauges } from './observe/gauges.ts'
import type { OutcomeTags } from './observe/outcome-tags.ts'
import type { ModelManager } from './serving/model-manager.ts'
import type { PinnedRefs } from './serving/pins/pinned-refs.ts'
import { VERSION } from './version.ts'

/** What closing idle workers may take after the drain timeout is used up, in milliseconds. */
const POOL_GRACE_MS = 1000

/** What the delivery of events may take at the end in milliseconds: some of the drain timeout, never less than this. */
const WEBHOOK_GRACE_MS = 1000
const WEBHOOK_FLUSH_MS = 5000

/**
 * The composition root: builds every part, starts and stops them in order.
 *
 * @example
 * const server = new BatonServer(await loadConfig({}, undefined), createLogger('info'))
 * const port = await server.start()
 * await server.stop()
 */
export class BatonServer {
  readonly metrics = new ServingMetrics(VERSION)
  readonly #config: Config
  readonly #log: Logger
  readonly #clock: Clock
  readonly #source: ModelSource
  readonly #pool: WorkerPool
  readonly #models: ModelManager<VersionScoring>
  readonly #listener: Listener
  readonly #bodies: BodyBudget
  readonly #starting = new AbortController()
  readonly #coldStart: ColdStart
  readonly #pins: PinnedRefs
  readonly #eventWebhook: EventWebhook | undefined
  readonly #outcomeTags: OutcomeTags | undefined
  #feed: RegistryFeed | undefined
  #stopping = false

  /** @param prepared a worker thread that was started before this module was imported. */
  constructor(config: Config, log: Logger, clock: Clock = systemClock, prepared?: PreparedThread) {
    this.#config = config
    this.#log = log
    this.#clock = clock
    const { metrics } = this
    this.#bodies = new BodyBudget(config.maxInflightBodyBytes ?? defaultBodyBytes())
    this.#source = openModelSource(config, {
      clock,
      onRegistryProblem: (model, problem) => log.warn({ model }, problem.message),
      onCacheEvent: (event) => this.#noteCache(event),
    })
    const artifacts = this.#source.cache
    const serving = createServing({ config, artifacts, metrics, clock, log, prepared })
    this.#pool = serving.pool
    this.#models = serving.models
    this.#pins = createPins(config, this.#source, serving.models, { clock, log })
    this.#eventWebhook = createEventWebhook(config, serving.events, { clock, log, metrics })
    const { registry } = this.#source.opened
    this.#outcomeTags = createOutcomeTags(config, registry, serving.events, { clock, log })
    this.#coldStart = new ColdStart({
      registry: this.#source.opened.registry.location,
      cache: artifacts,
      records: this.#source.lastServed,
      log,
    })
    serving.events.on('swap', ({ model, ref, served }) => {
      if (served !== undefined) this.#coldStart.remember(model, ref, served)
    })
    this.#listener = new Listener(this.#createApp(), config, {
      log,
      clock,
      events: {
        refused: (reason) => metrics.rejected(reason),
        closed: () => this.#models.clientLeft(),
      },
    })
  }

  /**
   * Listens, then brings the models into service; until they are, `/readyz` answers 503. Resolves to the port.
   * @throws ServingError PORT_IN_USE, CONFIG_INVALID, MODEL_URI_INVALID.
   */
  async start(): Promise<number> {
    const { registry } = this.#source.opened
    const refs = await servedRefs(this.#config, registry, this.#starting.signal)
    await this.#pins.load()
    const port = await this.#listener.listen(this.#config.host, this.#config.port)
    this.#feed = new RegistryFeed(
      {
        config: this.#config,
        registry,
        models: this.#pins,
        coldStart: this.#coldStart,
        metrics: this.metrics,
        clock: this.#clock,
        log: this.#log,
      },
      refs,
    )
    this.#feed.start()
    return port
  }

  /**
   * Stops without losing a request: not ready first; after the shutdown delay no new connections; then what was
   * accepted is finished and everything is given back. Resolves to false when something was cut or still hangs.
   */
  async stop(): Promise<boolean> {
    const { shutdownDelayMs, drainTimeoutMs } = this.#config
    this.#stopping = true
    this.#starting.abort()
    this.#listener.announceEnd()
    if (shutdownDelayMs > 0) {
      await new Promise<void>((resolve) => this.#clock.after(shutdownDelayMs, resolve))
    }
    await this.#feed?.stop()
    const deadline = this.#clock.monotonic() + drainTimeoutMs
    const left = () => Math.max(0, deadline - this.#clock.monotonic())
    const answered = await this.#listener.close(left(), this.#clock)
    const drained = await this.#models.shutdown(left())
    const hung = await this.#pool.close(Math.max(left(), POOL_GRACE_MS))
    await this.#coldStart.settled()
    await this.#pins.settled()
    await this.#outcomeTags?.close(Math.min(Math.max(left(), WEBHOOK_GRACE_MS), WEBHOOK_FLUSH_MS))
    await this.#eventWebhook?.close(Math.min(Math.max(left(), WEBHOOK_GRACE_MS), WEBHOOK_FLUSH_MS))
    await this.#source.close()
    return answered && drained && hung === 0
  }

  #createApp() {
    const config = this.#config
    const models = this.#models
    return createApp({
      models,
      settings: config,
      bodyLimits: {
        maxBytes: config.maxBodyBytes,
        timeoutMs: config.bodyTimeoutMs,
        budget: this.#bodies,
      },
      metrics: this.metrics,
      clock: this.#clock,
      log: this.#log,
      stopping: () => this.#stopping,
      version: VERSION,
      readiness: {
        ready: () => !this.#stopping && models.ready(),
        status: () => models.status(),
        stopping: () => this.#stopping,
        fromCache: () => this.#feed?.fromCache() ?? [],
      },
      modelsView: {
        status: () => models.status(),
        modelStatus: (name) => models.modelStatus(name),
        registryOf: (name) => this.#feed?.view(name),
      },
      operator: new Operator({
        models,
        pins: this.#pins,
        registry: this.#source.opened.registry,
      }),
      hint: (model) => this.#feed?.hint(model),
      adminToken: config.adminToken,
      verifyWebhook: createWebhookVerifier(config, this.#clock),
      setGauges: () =>
        setGauges(this.metrics, {
          models: models.status(),
          polls: this.#feed?.polls() ?? [],
          cache: this.#source.cache.describe(),
          bodyBytes: this.#bodies.heldBytes,
          connections: this.#listener.connections,
          fromCache: this.#feed?.fromCache() ?? [],
        }),
    })
  }

  #noteCache({ kind, model, version, bytes }: CacheEvent): void {
    if (kind === 'hit' || kind === 'miss') this.metrics.cacheRequests.inc({ result: kind })
    else this.#log.info({ model, version, bytes }, `cache: ${kind}`)
    if (kind === 'evicted') this.metrics.cacheEvictions.inc()
  }
}
