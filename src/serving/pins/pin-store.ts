import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ServingError } from '../../errors.ts'
import type { ModelVersion } from '../../interfaces.ts'

/** A reference that a person has fixed at one version. */
export interface Pin {
  readonly model: string
  readonly ref: string
  /** All that loading it needs, so that it is found without the registry. */
  readonly version: ModelVersion
  /** ISO 8601. */
  readonly since: string
  /** Who asked for it, in their own words. */
  readonly by: string | undefined
}

export interface PinStoreOptions {
  /** Undefined where pins are not kept. */
  readonly file: string | undefined
  /** The registry's location, without credentials: pins of another one in the same file are left alone. */
  readonly registry: string
  /** The file is there and cannot be used. */
  readonly onUnreadable: (why: string) => void
}

/** Pins on disk: one small file, replaced by a rename, so that nobody sees half of it. */
export class PinStore {
  readonly #options: PinStoreOptions
  /** What the file holds for other registries. */
  #others: readonly object[] = []

  constructor(options: PinStoreOptions) {
    this.#options = options
  }

  /** The pins that were kept. A file that cannot be read or understood is reported and counts as none. */
  async read(): Promise<readonly Pin[]> {
    const { file, registry, onUnreadable } = this.#options
    if (file === undefined) return []
    try {
      const all = entriesOf(JSON.parse(await readFile(file, 'utf8')))
      this.#others = all.filter((entry) => entry.registry !== registry)
      return all.filter((entry) => entry.registry === registry).map(pinOf)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') onUnreadable(error instanceof Error ? error.message : '')
      return []
    }
  }

  /** Replaces what is kept. @throws ServingError CACHE_FAILED where nothing can be kept. */
  async write(pins: readonly Pin[]): Promise<void> {
    const { file, registry } = this.#options
    if (file === undefined) {
      throw new ServingError(
        'CACHE_FAILED',
        'A server on a port of its own choice has no file for pinned versions; set --state-file (BATON_STATE_FILE)',
      )
    }
    const content = {
      format: 1,
      pins: [...this.#others, ...pins.map((pin) => ({ registry, ...pin }))],
    }
    const beside = `${file}.${randomBytes(6).toString('hex')}`
    try {
      await mkdir(dirname(file), { recursive: true })
      await writeDurably(beside, `${JSON.stringify(content, undefined, 2)}\n`)
      await rename(beside, file)
    } catch (cause) {
      await rm(beside, { force: true }).catch(() => undefined)
      throw new ServingError(
        'CACHE_FAILED',
        `The file for pinned versions cannot be written (${codeOf(cause) ?? 'unknown'}); check --state-file and its folder`,
        { cause },
      )
    }
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.datasync()
  } finally {
    await file.close()
  }
}

type Entry = Readonly<Record<string, unknown>>

function entriesOf(content: unknown): readonly Entry[] {
  if (!isEntry(content) || content.format !== 1 || !Array.isArray(content.pins)) {
    throw new Error('expected {"format": 1, "pins": [...]}')
  }
  return content.pins.map((entry: unknown) => {
    if (isEntry(entry)) return entry
    throw new Error('expected every pin to be an object')
  })
}

function pinOf(entry: Entry): Pin {
  const { version, by } = entry
  if (!isEntry(version)) throw new Error('expected every pin to have a version')
  return {
    model: textOf(entry, 'model'),
    ref: textOf(entry, 'ref'),
    since: textOf(entry, 'since'),
    by: typeof by === 'string' ? by : undefined,
    version: {
      name: textOf(version, 'name'),
      version: textOf(version, 'version'),
      source: textOf(version, 'source'),
      identity: textOf(version, 'identity'),
    },
  }
}

function textOf(entry: Entry, key: string): string {
  const value = entry[key]
  if (typeof value === 'string') return value
  throw new Error(`expected every pin to have the text "${key}"`)
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
