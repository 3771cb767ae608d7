import { parseDocument } from 'yaml'
import { z } from 'zod'
import { CONTRACT_CHANGES, type ContractChange } from '../model/contract-difference.ts'
import type { ProbationSettings } from '../serving/probation/probation.ts'
import { ALLOWANCES, type RehearsalSettings } from '../serving/rehearsal/rehearsal-settings.ts'
import { bytes, decimalNumber, duration, wholeNumber } from './setting-types.ts'
import { SETTINGS, type SettingName, TRIAL_POLICIES, type TrialPolicy } from './settings.ts'

/** A model of the file's list: settings that hold for it alone. */
export interface ModelFileEntry {
  readonly uri: string
  readonly workers: number | undefined
  readonly acceptContract: ContractChange | undefined
  readonly trial: TrialPolicy | undefined
  readonly batchMaxRows: number | undefined
  readonly batchMaxDelayMs: number | undefined
  readonly queueMaxRows: number | undefined
  readonly queueMaxBytes: number | undefined
  readonly intraOpThreads: number | undefined
  readonly rehearsal: Partial<RehearsalSettings>
  readonly probation: Partial<ProbationSettings>
}

export interface ConfigFile {
  /** Texts by setting name, read by the same parsers as flags and variables. */
  readonly settings: Readonly<Partial<Record<SettingName, string>>>
  readonly models: readonly ModelFileEntry[]
  /** Every mistake, with the file's name and the place in it. */
  readonly problems: readonly string[]
}

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String)
const count = scalar.pipe(z.string().transform(refined(wholeNumber(1))))

const decimal = (to?: number) =>
  scalar.pipe(z.string().transform(refined(decimalNumber(0, to)))).optional()
const whole = scalar.pipe(z.string().transform(refined(wholeNumber(0)))).optional()

const time = scalar.pipe(z.string().transform(refined(duration()))).optional()

const rehearsal = z.strictObject({
  requests: whole,
  maxBytes: scalar.pipe(z.string().transform(refined(bytes))).optional(),
  timeout: scalar.pipe(z.string().transform(refined(duration(1)))).optional(),
  maxErrors: whole,
  maxDifference: decimal(),
  maxMeanDifference: decimal(),
  maxChanged: decimal(1),
  maxLatencyRatio: decimal(),
  allow: z.array(z.enum(ALLOWANCES)).optional(),
})

const probation = z.strictObject({
  duration: time,
  minRequests: count.optional(),
  maxErrorRate: decimal(1),
  maxLatencyRatio: scalar.pipe(z.string().transform(refined(decimalNumber(1)))).optional(),
  latencyFloor: time,
})

const modelEntry = z.strictObject({
  uri: z.string().min(1),
  workers: count.optional(),
  acceptContract: z.enum(CONTRACT_CHANGES).optional(),
  trial: z.enum(TRIAL_POLICIES).optional(),
  intraOpThreads: count.optional(),
  batch: z
    .strictObject({
      maxRows: count.optional(),
      maxDelay: scalar.pipe(z.string().transform(refined(duration()))).optional(),
    })
    .optional(),
  queue: z
    .strictObject({
      maxRows: count.optional(),
      maxBytes: scalar.pipe(z.string().transform(refined(bytes))).optional(),
    })
    .optional(),
  rehearsal: rehearsal.optional(),
  probation: probation.optional(),
})

/** Settings that make no sense in a file: they name models another way, or are only accepted. */
const NOT_IN_FILE: readonly SettingName[] = [
  'modelUris',
  'modelName',
  'modelAlias',
  'envManager',
  'noConda',
  'installMlflow',
]
const fileNames = (Object.keys(SETTINGS) as SettingName[]).filter(
  (name) => !NOT_IN_FILE.includes(name),
)

const fileSchema = z.strictObject({
  registry: z.string().min(1).optional(),
  models: z.array(modelEntry).optional(),
  ...Object.fromEntries(fileNames.map((name) => [fileKey(name), scalar.optional()])),
})

/** Reads the text of the `--config` file; `name` stands in its problems. */
export function parseConfigFile(name: string, text: string): ConfigFile {
  const document = parseDocument(text)
  if (document.errors.length > 0) {
    return mistaken(
      document.errors.map(({ message }) => `${name}: expected YAML: ${message.split('\n')[0]}`),
    )
  }
  const parsed = fileSchema.safeParse(document.toJS() ?? {})
  if (!parsed.success) {
    return mistaken(
      parsed.error.issues.map(({ path, message }) => {
        const where = path.length === 0 ? '' : ` ${path.join('.')}:`
        return `${name}:${where} ${message}`
      }),
    )
  }
  const values = parsed.data as Record<string, string | undefined>
  const settings: Partial<Record<SettingName, string>> = {}
  for (const setting of fileNames) {
    const value = values[fileKey(setting)]
    if (value !== undefined) settings[setting] = value
  }
  if (parsed.data.registry !== undefined) settings.registryUri = parsed.data.registry
  return { settings, models: (parsed.data.models ?? []).map(toEntry), problems: [] }
}

function mistaken(problems: readonly string[]): ConfigFile {
  return { settings: {}, models: [], problems }
}

function toEntry(entry: z.infer<typeof modelEntry>): ModelFileEntry {
  return {
    uri: entry.uri,
    workers: entry.workers,
    acceptContract: entry.acceptContract,
    trial: entry.trial,
    intraOpThreads: entry.intraOpThreads,
    batchMaxRows: entry.batch?.maxRows,
    batchMaxDelayMs: entry.batch?.maxDelay,
    queueMaxRows: entry.queue?.maxRows,
    queueMaxBytes: entry.queue?.maxBytes,
    rehearsal: toRehearsal(entry.rehearsal ?? {}),
    probation: toProbation(entry.probation ?? {}),
  }
}

function toRehearsal({ timeout, ...same }: z.infer<typeof rehearsal>): Partial<RehearsalSettings> {
  return onlyGiven({ ...same, timeoutMs: timeout })
}

function toProbation({
  duration: durationMs,
  latencyFloor: latencyFloorMs,
  ...same
}: z.infer<typeof probation>): Partial<ProbationSettings> {
  return onlyGiven({ ...same, durationMs, latencyFloorMs })
}

/** Only what the file says: what is left out must not hide what holds for all. */
function onlyGiven<T extends object>(settings: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

/** `pollIntervalMs` stands as `pollInterval` in the file, where the text carries its unit. */
function fileKey(name: SettingName): string {
  return name === 'registryUri' ? 'registryUri' : name.replace(/Ms$/, '')
}

/** A parser of flags and variables as a zod transform. */
function refined<T>(read: (text: string) => T) {
  return (text: string, context: z.RefinementCtx): T => {
    try {
      return read(text)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      context.addIssue({ code: 'custom', message: `${why}, received "${text}"` })
      return z.NEVER
    }
  }
}
