import { type Stats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelVersion } from '../interfaces.ts'
import { ALIASES_FILE } from './aliases-file.ts'
import { areOnLocalDisk } from './local-disk.ts'
import { isNodeError } from './node-error.ts'

/** What the folders of a model looked like from above. */
interface Glance {
  readonly stamp: string
  /** When the youngest change happened, in milliseconds since 1970 by the file system's clock. */
  readonly changedAt: number
}

interface Answer {
  readonly version: ModelVersion
  /** State of the folders that it holds for; undefined where that is not sure yet. */
  readonly stamp: string | undefined
  readonly lookedAt: number
  readonly isLocal: boolean
}

/** Settings of {@link FolderGlances}, all in milliseconds. */
export interface GlanceOptions {
  /** How long an answer holds while nothing above the version's files changes; 0: never. */
  readonly validMs: number
  /** What changed less than this ago may change again within one tick of the file system's clock. */
  readonly settleMs: number
  readonly now: () => number
}

/**
 * Answers of the folder registry for aliases, each with the state of the three things it was read from: the model's
 * folder, `aliases.yaml` and the version's folder. Three calls of `stat` then do for a poll, in place of twenty calls and
 * a YAML document.
 *
 * A file of the version that is rewritten in place changes none of the three, and is seen when the answer has aged.
 */
export class FolderGlances {
  readonly #options: GlanceOptions
  /** By folder and alias. */
  readonly #answers = new Map<string, Answer>()

  constructor(options: GlanceOptions) {
    this.#options = options
  }

  /** Takes the answer to an alias from memory while it holds, else from `look`. */
  async answer(
    modelFolder: string,
    alias: string,
    look: () => Promise<ModelVersion>,
  ): Promise<ModelVersion> {
    const { validMs, settleMs, now } = this.#options
    if (validMs === 0) return look()
    const key = join(modelFolder, alias)
    const known = this.#answers.get(key)
    const lookedAt = now()
    if (known?.stamp !== undefined && lookedAt - known.lookedAt < validMs) {
      const seen = await glance(
        modelFolder,
        known.version.version,
        known.isLocal ? readAtOnce : stat,
      )
      if (seen?.stamp === known.stamp) return known.version
    }
    const version = await look()
    const seen = await glance(modelFolder, version.version, stat)
    // Nothing has changed since the look began, nor so shortly before that the clock cannot tell.
    const isSettled = seen !== undefined && lookedAt - seen.changedAt >= settleMs
    const isLocal = await areOnLocalDisk(modelFolder, join(modelFolder, version.version))
    this.#answers.set(key, {
      version,
      stamp: isSettled ? seen.stamp : undefined,
      lookedAt,
      isLocal,
    })
    return version
  }
}

/** On a local disk: the way to a file thread and back takes many times what the call takes. */
async function readAtOnce(path: string): Promise<Stats> {
  return statSync(path)
}

/** Undefined where something is missing or cannot be read. */
async function glance(
  modelFolder: string,
  version: string,
  read: (path: string) => Promise<Stats>,
): Promise<Glance | undefined> {
  try {
    const seen = await Promise.all([
      read(modelFolder),
      read(join(modelFolder, ALIASES_FILE)).catch(missing),
      read(join(modelFolder, version)),
    ])
    const stamps = seen.map(
      (facts) => facts && [facts.ino, facts.size, facts.mtimeMs, facts.ctimeMs],
    )
    return {
      stamp: JSON.stringify(stamps),
      changedAt: Math.max(...seen.map((facts) => facts?.ctimeMs ?? 0)),
    }
  } catch {
    return undefined
  }
}

function missing(error: unknown): undefined {
  if (!isNodeError(error, 'ENOENT')) throw error
}
