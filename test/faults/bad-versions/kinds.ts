/** The catalogue of bad versions, with what is to become of each. */
import type { Graph } from '../../engines/support/onnx-file.ts'
import * as graphs from './bad-graphs.ts'
import * as files from './broken-files.ts'
import { type Rows, randomRows, writeVersion } from './classifier.ts'
import { type Family, TFJS, TFJS_ONE_ROW } from './families.ts'
import { writeRecurrentVersion } from './recurrent-network.ts'

export interface BadVersion {
  readonly kind: string
  /** What versions 1 and 3 are; ONNX if not given. */
  readonly family?: Family
  /** Writes version 2. */
  readonly write: (folder: string) => void
  /** Rows of a request that clients send all the time; one to three random ones if not given. */
  readonly rows?: () => Rows
  readonly outcome: Refused | Served | TakenBack
}

/** It never answers a request. */
interface Refused {
  readonly is: 'refused'
  readonly code: string
  /** What `/models` says, to a person who is to mend it. */
  readonly message: RegExp
  /** State in which it failed; undefined where the registry has no version to download. */
  readonly stage?: 'downloading' | 'loading' | 'warming'
}

/** It is taken, and does no harm: batches of several requests are never made. */
interface Served {
  readonly is: 'served'
  /** Why its requests run alone. */
  readonly obstacle: RegExp
}

/** It passes every check, fails where clients ask what nobody asked before, and the old version takes over again. */
interface TakenBack {
  readonly is: 'taken back'
  readonly message: RegExp
  /** What clients ask from the moment on that it answers. */
  readonly rowsAfterwards: () => Rows
}

/** Code of a version that served for a while. */
export const TAKEN_BACK = { stage: 'ready', code: 'MODEL_FAILED' } as const

const graph = (make: () => Graph) => (folder: string) => writeVersion(folder, make())
const loading = (code: string, message: RegExp): Refused => ({
  is: 'refused',
  stage: 'loading',
  code,
  message,
})
const warming = (code: string, message: RegExp): Refused => ({
  is: 'refused',
  stage: 'warming',
  code,
  message,
})
const oneRow = (): Rows => randomRows(1)
const threeRows = (): Rows => randomRows(3)

/** Rows whose first column is below this; {@link graphs.looksUp} finds the whole part in a table of as many rows. */
const below = (limit: number, rows: Rows): Rows =>
  rows.map(([first = 0, ...rest]) => [first % limit, ...rest])

export const BAD_VERSIONS: readonly BadVersion[] = [
  {
    kind: 'model file corrupt',
    write: files.corrupt,
    outcome: loading('MODEL_INVALID', /Protobuf parsing failed/),
  },
  {
    kind: 'model file truncated',
    write: files.truncated,
    outcome: loading('MODEL_INVALID', /Protobuf parsing failed/),
  },
  {
    kind: 'model file empty',
    write: files.empty,
    outcome: loading('MODEL_INVALID', /does not have a graph/),
  },
  {
    kind: 'model file missing',
    write: files.noModelFile,
    outcome: loading('MODEL_INVALID', /model\.onnx/),
  },
  {
    kind: 'external data missing',
    write: files.noWeightsFile,
    outcome: loading('MODEL_INVALID', /weights\.bin/),
  },
  {
    kind: 'external data too short',
    write: files.shortWeightsFile,
    outcome: loading('MODEL_INVALID', /weights\.bin|out of bounds/),
  },
  {
    kind: 'MLmodel missing',
    write: files.noMlmodel,
    outcome: { is: 'refused', code: 'VERSION_NOT_FOUND', message: /version 2/i },
  },
  {
    kind: 'MLmodel is no YAML',
    write: files.brokenMlmodel,
    outcome: loading('MODEL_INVALID', /MLmodel/),
  },
  {
    kind: 'saved by Python alone',
    write: files.pythonFlavor,
    outcome: loading('MODEL_UNSUPPORTED', /saved as sklearn.*skl2onnx/),
  },
  {
    kind: 'operator that nobody has',
    write: graph(graphs.unknownOperator),
    outcome: loading('MODEL_UNSUPPORTED', /FusedScores/),
  },
  {
    kind: 'sequence as output',
    write: graph(graphs.sequenceOutput),
    outcome: loading('MODEL_UNSUPPORTED', /output "y" is a sequence/),
  },
  {
    kind: 'other input name',
    write: graph(graphs.otherInputName),
    outcome: warming('CONTRACT_BREAKING', /input "features" is new/),
  },
  {
    kind: 'other output name',
    write: graph(graphs.otherOutputName),
    outcome: warming('CONTRACT_BREAKING', /output "y" is gone/),
  },
  {
    kind: 'other dtype',
    write: graph(graphs.otherDtype),
    outcome: warming('CONTRACT_BREAKING', /float32.*int64/),
  },
  {
    kind: 'other rank',
    write: graph(graphs.otherRank),
    outcome: warming('CONTRACT_BREAKING', /\[-1,4\] to float32 \[-1,4,1\]/),
  },
  {
    kind: 'right model, wrong signature',
    write: files.wrongSignature,
    outcome: warming('CONTRACT_BREAKING', /\[-1,4\] to float32 \[-1,3\]/),
  },
  {
    kind: 'signature of another graph',
    write: files.otherGraph,
    outcome: warming('REHEARSAL_FAILED', /requests were refused .* INVALID_REQUEST/),
  },
  {
    kind: 'NaN where there was none',
    write: graph(graphs.nanOutputs),
    outcome: warming('REHEARSAL_FAILED', /NaN/),
  },
  {
    kind: 'random answers',
    write: graph(graphs.randomOutputs),
    outcome: warming('REHEARSAL_FAILED', /answered differently/),
  },
  {
    kind: 'constant answers',
    write: graph(graphs.constantOutputs),
    outcome: warming('REHEARSAL_FAILED', /answered alike/),
  },
  {
    kind: '50 times slower',
    write: graph(() => graphs.slow(60_000)),
    outcome: warming('REHEARSAL_FAILED', /times the .* ms of before/),
  },
  {
    kind: '10 times the memory',
    write: graph(() => graphs.hungry(600 * 2 ** 20)),
    outcome: loading('TRIAL_FAILED', /memory/),
  },
  {
    kind: 'hangs',
    write: graph(graphs.hangs),
    outcome: loading('TRIAL_FAILED', /did not answer within/),
  },
  {
    kind: 'ends its process by a signal',
    write: graph(graphs.overflowsDivision),
    outcome: loading('TRIAL_FAILED', /SIGFPE/),
  },
  {
    kind: 'answers otherwise than its golden.json',
    write: files.otherGolden,
    outcome: warming('REHEARSAL_FAILED', /golden\.json of the model: 1 of 1 cases/),
  },
  {
    kind: 'throws on every tenth row',
    write: graph(() => graphs.looksUp(7)),
    rows: () => [...below(7, randomRows(9)), [7, 1, 2, 3]],
    outcome: warming('REHEARSAL_FAILED', /requests were refused/),
  },
  {
    kind: 'throws on requests of several rows',
    write: graph(graphs.oneRowOnly),
    rows: threeRows,
    outcome: warming('REHEARSAL_FAILED', /requests were refused/),
  },
  {
    kind: 'throws on batches of several requests',
    write: graph(graphs.oneRowOnly),
    rows: oneRow,
    outcome: { is: 'served', obstacle: /fails? .*(batch|rows)|among|together/ },
  },
  {
    kind: 'mixes the rows of a batch',
    write: graph(graphs.mixesRows),
    rows: oneRow,
    outcome: { is: 'served', obstacle: /answered otherwise among 2/ },
  },
  {
    kind: 'state from one request to the next',
    family: TFJS_ONE_ROW,
    write: (folder) => writeRecurrentVersion(folder, 2, { rows: 1, stateful: true }),
    rows: oneRow,
    outcome: { is: 'served', obstacle: /fixed at 1/ },
  },
  {
    kind: 'one row at a time, where there were several',
    family: TFJS,
    write: (folder) => writeRecurrentVersion(folder, 2, { rows: 1 }),
    outcome: warming('CONTRACT_BREAKING', /exactly 1 rows? at once/),
  },
  {
    kind: 'throws on rows that nobody sent before',
    write: graph(() => graphs.looksUp(6)),
    rows: () => below(6, randomRows(1)),
    outcome: {
      is: 'taken back',
      message: /Taken back: .* requests failed \(MODEL_FAILED/,
      rowsAfterwards: () => randomRows(1),
    },
  },
  {
    kind: 'slow on rows that nobody sent before',
    write: graph(() => graphs.slowFrom(6, 40_000)),
    rows: () => below(6, randomRows(1)),
    outcome: {
      is: 'taken back',
      message: /Taken back: its runs take .* times the/,
      rowsAfterwards: () => randomRows(1).map(([, ...rest]) => [7, ...rest]),
    },
  },
]

/** It hangs in the worker of live requests, which are answered 504. */
export const HANGS_LATER: BadVersion = {
  kind: 'hangs on rows that nobody sent before',
  write: graph(() => graphs.hangsFrom(6)),
  rows: () => below(6, randomRows(1)),
  outcome: {
    is: 'taken back',
    message: /Taken back: .* requests failed \(.*DEADLINE_EXCEEDED/,
    rowsAfterwards: () => randomRows(1),
  },
}

/** Where what MLflow stores differs from a folder: a version is there whatever its files are. */
const NO_MLMODEL: BadVersion = {
  kind: 'MLmodel missing',
  write: files.noMlmodel,
  outcome: {
    is: 'refused',
    stage: 'downloading',
    code: 'ARTIFACT_NOT_FOUND',
    message: /MLmodel file/,
  },
}

/** Kinds that are played out on a real MLflow as well: one of each stage. */
export const IN_MLFLOW: readonly BadVersion[] = [
  NO_MLMODEL,
  ...BAD_VERSIONS.filter(({ kind }) =>
    [
      'model file truncated',
      'external data missing',
      'saved by Python alone',
      'other input name',
      'random answers',
      'ends its process by a signal',
      'mixes the rows of a batch',
      'throws on rows that nobody sent before',
    ].includes(kind),
  ),
]
