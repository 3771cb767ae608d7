import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ErrorCode } from './errors.ts'
import {
  type CounterSeries,
  FastCounter,
  FastHistogram,
  type HistogramSeries,
} from './metric-series.ts'

/** Phases of a request from 0.05 ms to 10 s. */
const PHASE_SECONDS = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  5, 10,
]
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
const SWAP_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

export type Protocol = 'mlflow'
export type Phase = 'parse' | 'queue' | 'run' | 'encode'

/**
 * How often a timer looks how late the event loop is. prom-client's 10 ms kept an idle process at 0.7 to 0.9 % of a core,
 * of which this leaves a fifth.
 */
const EVENT_LOOP_SAMPLE_MS = 50

/** Closed versions of a model whose series stay in the exposition; older ones are dropped. */
const CLOSED_VERSIONS_KEPT = 8

/**
 * The request metrics of one version, held by whoever serves it: a request costs a few additions.
 */
export class VersionMetrics {
  readonly #metrics: ServingMetrics
  readonly #labels: { readonly model: string; readonly version: string }
  readonly #statuses = new Map<string, CounterSeries>()
  readonly #batches = new Map<string, CounterSeries>()
  readonly duration: HistogramSeries
  readonly phases: Readonly<Record<Phase, HistogramSeries>>
  readonly rows: CounterSeries
  readonly batchRows: HistogramSeries

  constructor(metrics: ServingMetrics, model: string, version: string) {
    this.#metrics = metrics
    this.#labels = { model, version }
    const phase = (name: Phase) => metrics.phaseSeconds.series({ ...this.#labels, phase: name })
    this.duration = metrics.requestSeconds.series(this.#labels)
    this.phases = {
      parse: phase('parse'),
      queue: phase('queue'),
      run: phase('run'),
      encode: phase('encode'),
    }
    this.rows = metrics.rows.series(this.#labels)
    this.batchRows = metrics.batchRows.series(this.#labels)
  }

  /** Counts one answer with this HTTP status. */
  answered(protocol: Protocol, status: number): void {
    const key = `${protocol} ${status}`
    let series = this.#statuses.get(key)
    if (series === undefined) {
      const labels = { ...this.#labels, protocol, status: String(status) }
      series = this.#metrics.requests.series(labels)
      this.#statuses.set(key, series)
    }
    series.value += 1
  }

  /** Counts one batch by what closed it. */
  batched(reason: string, rows: number): void {
    let series = this.#batches.get(reason)
    if (series === undefined) {
      series = this.#metrics.batches.series({ ...this.#labels, reason })
      this.#batches.set(reason, series)
    }
    series.value += 1
    this.batchRows.observe(rows)
  }
}

/** Every Prometheus metric of the process: name, help, labels and buckets, in one place. */
export class ServingMetrics {
  readonly registry = new Registry()
  readonly #registers = [this.registry]
  readonly #versions = new Map<string, VersionMetrics>()
  readonly #closed = new Set<string>()

  readonly requests = new FastCounter({
    name: 'baton_requests_total',
    help: 'Answers given, by model, version, protocol and HTTP status',
    labelNames: ['model', 'version', 'protocol', 'status'],
    registers: this.#registers,
  })
  readonly requestSeconds = new FastHistogram({
    name: 'baton_request_duration_seconds',
    help: 'Time from the complete request head to the answer, in seconds',
    labelNames: ['model', 'version'],
    buckets: PHASE_SECONDS,
    registers: this.#registers,
  })
  readonly phaseSeconds = new FastHistogram({
    name: 'baton_request_phase_duration_seconds',
    help: 'Time of a request in each phase (parse, queue, run, encode), in seconds',
    labelNames: ['model', 'version', 'phase'],
    buckets: PHASE_SECONDS,
    registers: this.#registers,
  })
  readonly rows = new FastCounter({
    name: 'baton_rows_total',
    help: 'Rows predicted, by model and version',
    labelNames: ['model', 'version'],
    registers: this.#registers,
  })
  readonly unrouted = new Counter({
    name: 'baton_unrouted_requests_total',
    help: 'Requests refused before a version was chosen, by HTTP status',
    labelNames: ['status'],
    registers: this.#registers,
  })
  readonly rejections = new Counter({
    name: 'baton_rejected_requests_total',
    help: 'Requests and connections ended by a limit, by the code of the error, or write_timeout',
    labelNames: ['reason'],
    registers: this.#registers,
  })
  readonly heldBodyBytes = new Gauge({
    name: 'baton_body_bytes',
    help: 'Bytes that the large bodies of unanswered requests take now',
    registers: this.#registers,
  })
  readonly connections = new Gauge({
    name: 'baton_connections',
    help: 'Connections that are open now',
    registers: this.#registers,
  })
  readonly inFlight = new Gauge({
    name: 'baton_requests_in_flight',
    help: 'Requests that hold a lease on a version now',
    labelNames: ['model', 'version'],
    registers: this.#registers,
  })
  readonly batchRows = new FastHistogram({
    name: 'baton_batch_rows',
    help: 'Rows of the batches that were run',
    labelNames: ['model', 'version'],
    buckets: ROWS,
    registers: this.#registers,
  })
  readonly batches = new FastCounter({
    name: 'baton_batches_total',
    help: 'Batches run, by what closed them',
    labelNames: ['model', 'version', 'reason'],
    registers: this.#registers,
  })
  readonly queuedRows = new Gauge({
    name: 'baton_queue_rows',
    help: 'Rows that wait for a worker now',
    labelNames: ['model', 'version'],
    registers: this.#registers,
  })
  readonly batchingEnabled = new Gauge({
    name: 'baton_batching_enabled',
    help: '1 when requests of a version share batches, 0 when each runs alone',
    labelNames: ['model', 'version'],
    registers: this.#registers,
  })
  readonly serving = new Gauge({
    name: 'baton_serving_info',
    help: '1 for the version that a reference (alias, stage, version number) serves now',
    labelNames: ['model', 'ref', 'version'],
    registers: this.#registers,
  })
  readonly backend = new Gauge({
    name: 'baton_backend_info',
    help: '1 for what computes a version whose engine has several backends, with the kernel that the first choice lacks',
    labelNames: ['model', 'version', 'backend', 'missing_kernel'],
    registers: this.#registers,
  })
  readonly versionState = new Gauge({
    name: 'baton_version_state',
    help: '1 for the state each known version is in',
    labelNames: ['model', 'version', 'state'],
    registers: this.#registers,
  })
  readonly swaps = new Counter({
    name: 'baton_swaps_total',
    help: 'Hand-overs by result: swapped, failed or superseded',
    labelNames: ['model', 'result'],
    registers: this.#registers,
  })
  readonly swapSeconds = new Histogram({
    name: 'baton_swap_duration_seconds',
    help: 'Time from a new version being wanted to its serving, in seconds',
    labelNames: ['model'],
    buckets: SWAP_SECONDS,
    registers: this.#registers,
  })
  readonly takenBack = new Counter({
    name: 'baton_versions_taken_back_total',
    help: 'References given back to the version before, since the new one failed its probation',
    labelNames: ['model'],
    registers: this.#registers,
  })
  readonly probation = new Gauge({
    name: 'baton_probation_info',
    help: '1 while the version of a reference is on probation and the one before stands by',
    labelNames: ['model', 'ref', 'version', 'previous'],
    registers: this.#registers,
  })
  readonly drainForced = new Counter({
    name: 'baton_drain_forced_requests_total',
    help: 'Requests cut because a version did not drain in time',
    labelNames: ['model'],
    registers: this.#registers,
  })
  readonly rehearsals = new Counter({
    name: 'baton_rehearsals_total',
    help: 'Rehearsals of new versions by result: passed or failed',
    labelNames: ['model', 'result'],
    registers: this.#registers,
  })
  readonly rehearsalSeconds = new Histogram({
    name: 'baton_rehearsal_duration_seconds',
    help: 'Time that a rehearsal took, in seconds',
    labelNames: ['model'],
    buckets: SWAP_SECONDS,
    registers: this.#registers,
  })
  readonly rehearsalDifference = new Gauge({
    name: 'baton_rehearsal_difference',
    help: 'How the answers of a version differed from those of the version before, by measure: largest, mean, changed (share of decisions)',
    labelNames: ['model', 'version', 'measure'],
    registers: this.#registers,
  })
  readonly trials = new Counter({
    name: 'baton_trials_total',
    help: 'Trials of versions in a process of their own, by result: passed, or the code of the failure',
    labelNames: ['model', 'result'],
    registers: this.#registers,
  })
  readonly trialSeconds = new Histogram({
    name: 'baton_trial_duration_seconds',
    help: 'Time from the start of a trial to its end, in seconds',
    labelNames: ['model'],
    buckets: SWAP_SECONDS,
    registers: this.#registers,
  })
  readonly versionMemory = new Gauge({
    name: 'baton_version_memory_bytes',
    help: 'Memory that a version takes on one worker, as measured by its trial or estimated from its files',
    labelNames: ['model', 'version', 'measured'],
    registers: this.#registers,
  })
  readonly pinned = new Gauge({
    name: 'baton_pinned_info',
    help: '1 for the version that a person has pinned a reference to',
    labelNames: ['model', 'ref', 'version'],
    registers: this.#registers,
  })
  readonly eventDeliveries = new Counter({
    name: 'baton_event_deliveries_total',
    help: 'Events for the events webhook by result: sent, failed or dropped because too many waited',
    labelNames: ['result'],
    registers: this.#registers,
  })
  readonly registryContact = new Gauge({
    name: 'baton_registry_last_contact_timestamp_seconds',
    help: 'Unix time at which the registry last answered for a model',
    labelNames: ['model'],
    registers: this.#registers,
  })
  readonly registryUp = new Gauge({
    name: 'baton_registry_up',
    help: '1 when the last registry poll for a model succeeded',
    labelNames: ['model'],
    registers: this.#registers,
  })
  readonly servedFromCache = new Gauge({
    name: 'baton_served_from_cache',
    help: '1 for a reference that is served as it was served last, because the registry has not answered since the start',
    labelNames: ['model', 'ref', 'version'],
    registers: this.#registers,
  })
  readonly registryPolls = new Counter({
    name: 'baton_registry_polls_total',
    help: 'Registry polls by result',
    labelNames: ['model', 'result'],
    registers: this.#registers,
  })
  readonly webhooks = new Counter({
    name: 'baton_registry_webhooks_total',
    help: 'Registry webhooks received, by result: accepted, duplicate, ignored or refused',
    labelNames: ['result'],
    registers: this.#registers,
  })
  readonly downloadBytes = new Counter({
    name: 'baton_download_bytes_total',
    help: 'Artifact bytes downloaded',
    labelNames: ['model'],
    registers: this.#registers,
  })
  readonly cacheBytes = new Gauge({
    name: 'baton_cache_bytes',
    help: 'Bytes held by the artifact cache',
    registers: this.#registers,
  })
  readonly cacheEntries = new Gauge({
    name: 'baton_cache_entries',
    help: 'Versions held by the artifact cache',
    registers: this.#registers,
  })
  readonly cacheRequests = new Counter({
    name: 'baton_cache_requests_total',
    help: 'Versions asked of the artifact cache, by result: hit or miss',
    labelNames: ['result'],
    registers: this.#registers,
  })
  readonly cacheEvictions = new Counter({
    name: 'baton_cache_evictions_total',
    help: 'Versions evicted from the artifact cache',
    registers: this.#registers,
  })
  readonly workers = new Gauge({
    name: 'baton_workers',
    help: 'Worker threads that run now',
    registers: this.#registers,
  })
  readonly workersLost = new Counter({
    name: 'baton_workers_lost_total',
    help: 'Worker threads that ended unasked or were abandoned, by reason',
    labelNames: ['reason'],
    registers: this.#registers,
  })

  constructor(version: string) {
    collectDefaultMetrics({
      register: this.registry,
      eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS,
    })
    new Gauge({
      name: 'baton_build_info',
      help: 'Always 1, with the version of Baton and of Node.js',
      labelNames: ['version', 'node'],
      registers: this.#registers,
    }).set({ version, node: process.versions.node }, 1)
  }

  /** Counts a request or connection that a limit has ended. */
  rejected(reason: ErrorCode | 'WRITE_TIMEOUT'): void {
    this.rejections.inc({ reason: reason.toLowerCase() })
  }

  /** The metrics of one version: the same object while its series are kept, so that a reload goes on counting. */
  version(model: string, version: string): VersionMetrics {
    const key = `${model}\n${version}`
    let metrics = this.#versions.get(key)
    if (metrics === undefined) {
      metrics = new VersionMetrics(this, model, version)
      this.#versions.set(key, metrics)
    }
    this.#closed.delete(key)
    return metrics
  }

  /** The version has closed: its series are dropped once enough later ones of its model have closed too. */
  versionClosed(model: string, version: string): void {
    this.#closed.add(`${model}\n${version}`)
    const closed = [...this.#closed].filter((key) => key.startsWith(`${model}\n`))
    for (const key of closed.slice(0, -CLOSED_VERSIONS_KEPT)) this.#drop(key)
  }

  #drop(key: string): void {
    const [model = '', version = ''] = key.split('\n')
    for (const metric of [this.requests, this.rows, this.batches]) metric.drop(model, version)
    for (const metric of [this.requestSeconds, this.phaseSeconds, this.batchRows]) {
      metric.drop(model, version)
    }
    this.#versions.delete(key)
    this.#closed.delete(key)
  }
}
