import { CONTRACT_CHANGES, type ContractChange } from '../model/contract-difference.ts'
import type { TfjsBackend } from '../model/flavor.ts'
import { ALLOWANCES, type Allowance } from '../serving/rehearsal/rehearsal-settings.ts'
import {
  bytes,
  decimalNumber,
  duration,
  flag,
  oneOf,
  type SettingParser,
  someOf,
  text,
  url,
  wholeNumber,
  words,
} from './setting-types.ts'

/** One setting: where it may stand, how its text is read, and what holds when nobody says. */
interface Setting<T> {
  /** Flags as the command line shows them, such as `-p, --port <port>`; undefined for variables only. */
  readonly flags: string | undefined
  /** Environment variables, the first that is set wins. */
  readonly env: readonly string[]
  readonly read: SettingParser<T>
  readonly fallback: T
  readonly help: string
}

function setting<T>(
  flags: string | undefined,
  env: readonly string[],
  read: SettingParser<T>,
  fallback: T,
  help: string,
): Setting<T> {
  return { flags, env, read, fallback, help }
}

/** When a version is loaded and checked in a process of its own first; `auto`: while an older one serves. */
export const TRIAL_POLICIES = ['auto', 'always', 'off'] as const

export type TrialPolicy = (typeof TRIAL_POLICIES)[number]

const none = undefined
type Optional<T> = T | undefined

/**
 * Every setting of `baton serve` and of the commands that share its parts. The name is the key in a
 * `--config` file. One table, so long: a row a setting.
 */
export const SETTINGS = {
  registryUri: setting<Optional<string>>(
    '--registry-uri <uri>',
    ['MLFLOW_REGISTRY_URI', 'MLFLOW_TRACKING_URI'],
    text,
    none,
    'MLflow server, or a folder of models (default: the folder ./models)',
  ),
  trackingUri: setting<Optional<string>>(
    none,
    ['MLFLOW_TRACKING_URI'],
    text,
    none,
    'MLflow server that proxies artifacts and knows runs, where it is not the registry',
  ),
  host: setting(
    '-h, --host <host>',
    ['BATON_HOST', 'MLFLOW_HOST'],
    text,
    '127.0.0.1',
    'address to listen on',
  ),
  port: setting(
    '-p, --port <port>',
    ['BATON_PORT', 'PORT', 'MLFLOW_PORT'],
    wholeNumber(0, 65_535),
    8080,
    'port to listen on; 0 takes a free one',
  ),
  requestTimeoutMs: setting(
    '-t, --timeout <duration>',
    ['MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT'],
    duration(1),
    60_000,
    'time limit of one request',
  ),
  workers: setting<Optional<number>>(
    '-w, --workers <count>',
    ['BATON_WORKERS', 'MLFLOW_MODELS_WORKERS'],
    wholeNumber(1, 256),
    none,
    'worker threads of each loaded version (default: 1, or a share of the cores where runs take long)',
  ),
  placement: setting(
    '--placement <policy>',
    ['BATON_PLACEMENT'],
    oneOf('auto', 'dedicated', 'shared'),
    'auto',
    'whether versions get worker threads of their own: auto, dedicated or shared',
  ),
  device: setting(
    '--device <device>',
    ['BATON_DEVICE'],
    oneOf('cpu', 'cuda'),
    'cpu',
    'where ONNX models run: cpu or cuda',
  ),
  intraOpThreads: setting<Optional<number>>(
    '--intra-op-threads <count>',
    ['BATON_INTRA_OP_THREADS'],
    wholeNumber(1, 256),
    none,
    'threads inside one operator of ONNX Runtime (default: what the model says, else what the cores and its size allow)',
  ),
  interOpThreads: setting<Optional<number>>(
    '--inter-op-threads <count>',
    ['BATON_INTER_OP_THREADS'],
    wholeNumber(1, 256),
    none,
    'operators of one ONNX model that may run at once (default: what the model says, else 1)',
  ),
  tfjsBackend: setting<Optional<TfjsBackend>>(
    '--tfjs-backend <backend>',
    ['BATON_TFJS_BACKEND'],
    oneOf('auto', 'wasm', 'cpu', 'tfjs-node'),
    none,
    'what computes TensorFlow.js models: auto, wasm, cpu or tfjs-node (default: what the model says, else auto)',
  ),
  batchMaxRows: setting(
    '--batch-max-rows <rows>',
    ['BATON_BATCH_MAX_ROWS'],
    wholeNumber(1, 65_536),
    64,
    'rows a batch may have; 1 switches batching off',
  ),
  batchMaxBytes: setting(
    '--batch-max-bytes <size>',
    ['BATON_BATCH_MAX_BYTES'],
    bytes,
    16 * 2 ** 20,
    'bytes of input a batch may have',
  ),
  batchMaxDelayMs: setting(
    '--batch-max-delay <duration>',
    ['BATON_BATCH_MAX_DELAY'],
    duration(),
    0,
    'how long a request may wait for others while a worker is free',
  ),
  queueMaxRows: setting(
    '--queue-max-rows <rows>',
    ['BATON_QUEUE_MAX_ROWS'],
    wholeNumber(1),
    16_384,
    'rows that may wait for a version; more are answered 429',
  ),
  queueMaxBytes: setting(
    '--queue-max-bytes <size>',
    ['BATON_QUEUE_MAX_BYTES'],
    bytes,
    256 * 2 ** 20,
    'bytes of input that may wait for a version; more are answered 429',
  ),
  overloadStatus: setting(
    '--overload-status <status>',
    ['BATON_OVERLOAD_STATUS'],
    oneOf('429', '503'),
    '429',
    'HTTP status where a queue or the memory for bodies is full: 429 or 503',
  ),
  acceptContract: setting<ContractChange>(
    '--accept-contract <change>',
    ['BATON_ACCEPT_CONTRACT'],
    oneOf(...CONTRACT_CHANGES),
    'compatible',
    'what may change in inputs and outputs from the serving version to the next: identical, compatible or breaking',
  ),
  trial: setting<TrialPolicy>(
    '--trial <when>',
    ['BATON_TRIAL'],
    oneOf(...TRIAL_POLICIES),
    'auto',
    'load and check a version in a process of its own first: auto (while an older one serves), always or off',
  ),
  trialTimeoutMs: setting(
    '--trial-timeout <duration>',
    ['BATON_TRIAL_TIMEOUT'],
    duration(1),
    120_000,
    'time limit of a trial, loading and all checks together',
  ),
  trialMemoryBytes: setting<Optional<number>>(
    '--trial-memory <size>',
    ['BATON_TRIAL_MEMORY'],
    bytes,
    none,
    'memory that the process of a trial may take (default: what the container has left)',
  ),
  loadTimeoutMs: setting(
    '--load-timeout <duration>',
    ['BATON_LOAD_TIMEOUT'],
    duration(1),
    600_000,
    'time limit for loading a version on a worker',
  ),
  memorySwap: setting(
    '--memory-swap <policy>',
    ['BATON_MEMORY_SWAP'],
    oneOf('refuse', 'memory-first', 'off'),
    'refuse',
    'a version that does not fit beside the old one: refuse it, unload the old one first, or off to try it all the same',
  ),
  rehearsalRequests: setting(
    '--rehearsal-requests <count>',
    ['BATON_REHEARSAL_REQUESTS'],
    wholeNumber(0, 10_000),
    64,
    'recent requests of a version kept in memory, which the next one must answer before it serves; 0 for no rehearsal',
  ),
  rehearsalMaxBytes: setting(
    '--rehearsal-max-bytes <size>',
    ['BATON_REHEARSAL_MAX_BYTES'],
    bytes,
    16 * 2 ** 20,
    'memory that the kept requests and answers of one version may take',
  ),
  rehearsalTimeoutMs: setting(
    '--rehearsal-timeout <duration>',
    ['BATON_REHEARSAL_TIMEOUT'],
    duration(1),
    30_000,
    'time limit of a rehearsal; what has been compared by then decides',
  ),
  rehearsalMaxErrors: setting(
    '--rehearsal-max-errors <count>',
    ['BATON_REHEARSAL_MAX_ERRORS'],
    wholeNumber(0),
    0,
    'requests that a new version may refuse though the old one answered them',
  ),
  rehearsalMaxDifference: setting<Optional<number>>(
    '--rehearsal-max-difference <number>',
    ['BATON_REHEARSAL_MAX_DIFFERENCE'],
    decimalNumber(0),
    none,
    'largest absolute difference that a number of the answers may have (default: any)',
  ),
  rehearsalMaxMeanDifference: setting<Optional<number>>(
    '--rehearsal-max-mean-difference <number>',
    ['BATON_REHEARSAL_MAX_MEAN_DIFFERENCE'],
    decimalNumber(0),
    none,
    'mean absolute difference that the numbers of the answers may have (default: any)',
  ),
  rehearsalMaxChanged: setting<Optional<number>>(
    '--rehearsal-max-changed <share>',
    ['BATON_REHEARSAL_MAX_CHANGED'],
    decimalNumber(0, 1),
    none,
    'share of labels, and of rows with another largest number, that may change, from 0 to 1 (default: any)',
  ),
  rehearsalMaxLatencyRatio: setting(
    '--rehearsal-max-latency-ratio <times>',
    ['BATON_REHEARSAL_MAX_LATENCY_RATIO'],
    decimalNumber(0),
    10,
    'times the run time of the old version that the new one may take; 0 for any',
  ),
  rehearsalAllow: setting<readonly Allowance[]>(
    '--rehearsal-allow <findings>',
    ['BATON_REHEARSAL_ALLOW'],
    someOf(ALLOWANCES),
    [],
    `findings that do not refuse a new version, some of ${ALLOWANCES.join(', ')}`,
  ),
  pollIntervalMs: setting(
    '--poll-interval <duration>',
    ['BATON_POLL_INTERVAL'],
    duration(50),
    5000,
    'how often the registry is asked for each model',
  ),
  registryTimeoutMs: setting(
    '--registry-timeout <duration>',
    ['BATON_REGISTRY_TIMEOUT'],
    duration(1),
    5000,
    'time limit of one registry call',
  ),
  cacheDir: setting<Optional<string>>(
    '--cache-dir <folder>',
    ['BATON_CACHE_DIR'],
    text,
    none,
    "folder for downloaded models (default: the user's cache folder)",
  ),
  stateFile: setting<Optional<string>>(
    '--state-file <file>',
    ['BATON_STATE_FILE'],
    text,
    none,
    'file that keeps pinned versions over a restart (default: one for this host, port and registry in the cache folder)',
  ),
  cacheMaxBytes: setting(
    '--cache-max-bytes <size>',
    ['BATON_CACHE_MAX_BYTES'],
    bytes,
    10 * 2 ** 30,
    'size the folder for downloaded models may reach',
  ),
  modelMaxBytes: setting(
    '--model-max-bytes <size>',
    ['BATON_MODEL_MAX_BYTES'],
    bytes,
    10 * 2 ** 30,
    'size of the largest model that is downloaded',
  ),
  modelMaxFiles: setting(
    '--model-max-files <count>',
    ['BATON_MODEL_MAX_FILES'],
    wholeNumber(1),
    10_000,
    'number of files a model may have',
  ),
  probationMs: setting(
    '--probation <duration>',
    ['BATON_PROBATION'],
    duration(),
    30_000,
    'how long a new version is judged by live requests while the one before stands by; 0: not at all',
  ),
  probationMinRequests: setting(
    '--probation-min-requests <count>',
    ['BATON_PROBATION_MIN_REQUESTS'],
    wholeNumber(1),
    20,
    'requests a version on probation must have had before it can be taken back',
  ),
  probationMaxErrorRate: setting(
    '--probation-max-error-rate <share>',
    ['BATON_PROBATION_MAX_ERROR_RATE'],
    decimalNumber(0, 1),
    0.05,
    'how much more of its requests than of those of the version before may fail, from 0 to 1',
  ),
  probationMaxLatencyRatio: setting(
    '--probation-max-latency-ratio <ratio>',
    ['BATON_PROBATION_MAX_LATENCY_RATIO'],
    decimalNumber(1),
    3,
    'how many times longer than those of the version before its runs may take',
  ),
  probationLatencyFloorMs: setting(
    '--probation-latency-floor <duration>',
    ['BATON_PROBATION_LATENCY_FLOOR'],
    duration(),
    10,
    'by how much longer they must take beside that for it to be taken back',
  ),
  writeOutcomeTags: setting(
    '--write-outcome-tags',
    ['BATON_WRITE_OUTCOME_TAGS'],
    flag,
    false,
    'write to the model version in MLflow, as tags, what became of it here',
  ),
  drainTimeoutMs: setting(
    '--drain-timeout <duration>',
    ['BATON_DRAIN_TIMEOUT'],
    duration(),
    30_000,
    'how long requests may finish when a version is unloaded or the server stops',
  ),
  shutdownDelayMs: setting(
    '--shutdown-delay <duration>',
    ['BATON_SHUTDOWN_DELAY'],
    duration(),
    0,
    'how long to go on serving, not ready, after SIGTERM',
  ),
  maxBodyBytes: setting(
    '--max-body-bytes <size>',
    ['BATON_MAX_BODY_BYTES'],
    bytes,
    100 * 2 ** 20,
    'size of the largest request body',
  ),
  maxInflightBodyBytes: setting<Optional<number>>(
    '--max-inflight-body-bytes <size>',
    ['BATON_MAX_INFLIGHT_BODY_BYTES'],
    bytes,
    none,
    'what the bodies over 16 KiB of all unanswered requests may take together (default: an eighth of the memory, at most 512 MiB)',
  ),
  maxRows: setting(
    '--max-rows <rows>',
    ['BATON_MAX_ROWS'],
    wholeNumber(1),
    1_000_000,
    'rows that one request may have',
  ),
  maxBodyMemory: setting<Optional<number>>(
    '--max-body-memory <size>',
    ['BATON_MAX_BODY_MEMORY'],
    bytes,
    none,
    'memory that the values of one JSON or CSV body may take (default: a quarter of the heap)',
  ),
  maxJsonDepth: setting(
    '--max-json-depth <levels>',
    ['BATON_MAX_JSON_DEPTH'],
    wholeNumber(1, 100_000),
    990,
    'nested levels a JSON body may have',
  ),
  maxColumns: setting(
    '--max-columns <count>',
    ['BATON_MAX_COLUMNS'],
    wholeNumber(1),
    100_000,
    "columns that a request's data frame may have",
  ),
  maxHeaderBytes: setting(
    '--max-header-bytes <size>',
    ['BATON_MAX_HEADER_BYTES'],
    bytes,
    16 * 2 ** 10,
    'size of the largest request head: URL and headers',
  ),
  headersTimeoutMs: setting(
    '--headers-timeout <duration>',
    ['BATON_HEADERS_TIMEOUT'],
    duration(1),
    10_000,
    'time a client has to send the head of a request',
  ),
  bodyTimeoutMs: setting(
    '--body-timeout <duration>',
    ['BATON_BODY_TIMEOUT'],
    duration(1),
    60_000,
    'time a client has to send the body of a request',
  ),
  idleTimeoutMs: setting(
    '--idle-timeout <duration>',
    ['BATON_IDLE_TIMEOUT'],
    duration(1),
    65_000,
    'time an idle connection is kept',
  ),
  writeTimeoutMs: setting(
    '--write-timeout <duration>',
    ['BATON_WRITE_TIMEOUT'],
    duration(1),
    60_000,
    'time a client may take without reading more of its answer',
  ),
  maxConnections: setting(
    '--max-connections <count>',
    ['BATON_MAX_CONNECTIONS'],
    wholeNumber(1),
    20_000,
    'connections held at once',
  ),
  strictJson: setting(
    '--strict-json',
    ['BATON_STRICT_JSON'],
    flag,
    false,
    'refuse answers with NaN or Infinity instead of writing them bare as MLflow does',
  ),
  hideSchemaDetails: setting(
    none,
    ['MLFLOW_DISABLE_SCHEMA_DETAILS'],
    flag,
    false,
    'keep the details of a signature out of error messages',
  ),
  serverTiming: setting(
    '--server-timing',
    ['BATON_SERVER_TIMING'],
    flag,
    false,
    'add a server-timing header to predictions',
  ),
  accessLog: setting('--access-log', ['BATON_ACCESS_LOG'], flag, false, 'log every request'),
  logLevel: setting(
    '--log-level <level>',
    ['BATON_LOG_LEVEL'],
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    'least level that is logged',
  ),
  adminToken: setting<Optional<string>>(
    none,
    ['BATON_ADMIN_TOKEN'],
    text,
    none,
    'bearer token of the admin routes; without one they answer to this machine alone',
  ),
  webhookSecret: setting<Optional<string>>(
    none,
    ['BATON_WEBHOOK_SECRET'],
    text,
    none,
    'secret of the registry webhook; without one POST /webhooks/mlflow is off',
  ),
  webhookMaxAgeMs: setting(
    '--webhook-max-age <duration>',
    ['BATON_WEBHOOK_MAX_AGE'],
    duration(1000),
    300_000,
    'oldest registry webhook that is believed',
  ),
  eventsWebhook: setting<Optional<string>>(
    '--events-webhook <url>',
    ['BATON_EVENTS_WEBHOOK'],
    url,
    none,
    "where every event of a version's life is posted to",
  ),
  eventsWebhookSecret: setting<Optional<string>>(
    none,
    ['BATON_EVENTS_WEBHOOK_SECRET'],
    text,
    none,
    'secret that signs what is posted to --events-webhook; whsec_<base64>, or any text',
  ),
  // MLflow's client variables (mlflow/utils/rest_utils.py, mlflow/utils/credentials.py)
  trackingUsername: setting<Optional<string>>(
    none,
    ['MLFLOW_TRACKING_USERNAME'],
    text,
    none,
    'user for basic authentication at MLflow',
  ),
  trackingPassword: setting<Optional<string>>(
    none,
    ['MLFLOW_TRACKING_PASSWORD'],
    text,
    none,
    'password for basic authentication at MLflow',
  ),
  trackingToken: setting<Optional<string>>(
    none,
    ['MLFLOW_TRACKING_TOKEN'],
    text,
    none,
    'bearer token for MLflow, where there is no user',
  ),
  trackingInsecureTls: setting(
    none,
    ['MLFLOW_TRACKING_INSECURE_TLS'],
    flag,
    false,
    "do not check MLflow's certificate",
  ),
  trackingServerCert: setting<Optional<string>>(
    none,
    ['MLFLOW_TRACKING_SERVER_CERT_PATH'],
    text,
    none,
    "CA bundle for MLflow's certificate",
  ),
  trackingClientCert: setting<Optional<string>>(
    none,
    ['MLFLOW_TRACKING_CLIENT_CERT_PATH'],
    text,
    none,
    'client certificate and key (PEM) for MLflow',
  ),
  workspace: setting<Optional<string>>(
    none,
    ['MLFLOW_WORKSPACE'],
    text,
    none,
    'workspace of an MLflow server that has them',
  ),
  // S3 (mlflow/store/artifact/s3_artifact_repo.py)
  s3Endpoint: setting<Optional<string>>(
    none,
    ['MLFLOW_S3_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
    url,
    none,
    'S3 endpoint, for MinIO, RustFS and the like',
  ),
  s3IgnoreTls: setting(
    none,
    ['MLFLOW_S3_IGNORE_TLS'],
    flag,
    false,
    "do not check the S3 server's certificate",
  ),
  s3CaBundle: setting<Optional<string>>(
    none,
    ['AWS_CA_BUNDLE'],
    text,
    none,
    "CA bundle for the S3 server's certificate",
  ),
  s3Region: setting<Optional<string>>(
    none,
    ['AWS_REGION', 'AWS_DEFAULT_REGION'],
    text,
    none,
    'S3 region',
  ),
  s3AddressingStyle: setting(
    none,
    ['MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE'],
    oneOf('auto', 'path', 'virtual'),
    'auto',
    'how the bucket stands in S3 addresses',
  ),
  s3SignatureVersion: setting(
    none,
    ['MLFLOW_EXPERIMENTAL_S3_SIGNATURE_VERSION'],
    oneOf('s3v4', 'unsigned'),
    's3v4',
    'unsigned reads public buckets without credentials',
  ),
  s3BucketOwner: setting<Optional<string>>(
    none,
    ['MLFLOW_S3_EXPECTED_BUCKET_OWNER'],
    text,
    none,
    'account that must own the bucket',
  ),
  artifactTimeoutMs: setting<Optional<number>>(
    none,
    ['MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT'],
    (value) => (value === '-1' ? none : duration(1)(value)),
    none,
    'time limit of one artifact transfer; -1 for none',
  ),
  // how a model is named
  modelUris: setting<readonly string[]>(
    '-m, --model-uri <uri...>',
    ['MODEL_URI'],
    words,
    [],
    'models to serve; the first one answers /invocations',
  ),
  modelName: setting<Optional<string>>(
    none,
    ['MODEL_NAME'],
    text,
    none,
    'registered model to serve, with MODEL_ALIAS',
  ),
  modelAlias: setting(none, ['MODEL_ALIAS'], text, 'champion', 'alias of MODEL_NAME to follow'),
  // accepted because people who come from `mlflow models serve` have them in their scripts
  envManager: setting<Optional<string>>(
    '--env-manager <name>',
    [],
    text,
    none,
    'accepted and ignored: Baton needs no Python environment',
  ),
  noConda: setting('--no-conda', [], flag, false, 'accepted and ignored'),
  installMlflow: setting('--install-mlflow', [], flag, false, 'accepted and ignored'),
} as const

export type SettingName = keyof typeof SETTINGS

/** Every setting's value. */
export type Settings = {
  readonly [K in SettingName]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never
}
