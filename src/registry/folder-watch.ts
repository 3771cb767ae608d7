import { type FSWatcher, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'

/** An editor or a copy makes several events of one change. */
const DEBOUNCE_MS = 100

/**
 * Calls back with a model's name soon after something changed in its folder. Only a hint: events get lost on
 * network file systems and where the system's watches run out, so the caller polls as well. Watches the root and
 * each folder in it, not below: a version that grows is seen by polling.
 */
export function watchFolders(root: string, onHint: (model: string) => void): () => void {
  const models = new Map<string, FSWatcher>()
  const pending = new Map<string, NodeJS.Timeout>()

  const hint = (model: string): void => {
    clearTimeout(pending.get(model))
    const timer = setTimeout(() => {
      pending.delete(model)
      onHint(model)
    }, DEBOUNCE_MS)
    timer.unref()
    pending.set(model, timer)
  }

  const forget = (model: string): void => {
    models.get(model)?.close()
    models.delete(model)
  }

  const rescan = (): void => {
    const names = new Set(folderNames(root))
    for (const model of models.keys()) if (!names.has(model)) forget(model)
    for (const model of names) {
      if (models.has(model)) continue
      const watcher = tryWatch(join(root, model), () => hint(model))
      // A folder that is replaced or removed ends its watcher; the root's next event makes another.
      watcher?.on('error', () => forget(model))
      if (watcher !== undefined) models.set(model, watcher)
    }
  }

  const rootWatcher = tryWatch(root, (entry) => {
    // A mounted volume is renewed by swapping one hidden link, whatever model changed.
    const changed = entry === null || entry.startsWith('.') ? [...models.keys()] : [entry]
    for (const model of changed) {
      forget(model)
      hint(model)
    }
    rescan()
  })
  rootWatcher?.on('error', () => rootWatcher.close())
  rescan()

  return () => {
    rootWatcher?.close()
    for (const model of [...models.keys()]) forget(model)
    for (const timer of pending.values()) clearTimeout(timer)
    pending.clear()
  }
}

function folderNames(root: string): readonly string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => !entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

function tryWatch(folder: string, onChange: (entry: string | null) => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, (_event, entry) => onChange(entry))
    // Without a listener an error of the watcher would end the process.
    watcher.on('error', () => undefined)
    return watcher
  } catch {
    return undefined
  }
}
