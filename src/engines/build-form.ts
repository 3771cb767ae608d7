const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript)

/** What files of this build end in: it runs from source under the tests and `npm run dev`. */
export const FILE_EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/** Flags that Node.js needs in a thread or process to load a file of this build. */
export const NODE_FLAGS: readonly string[] =
  FILE_EXTENSION === 'ts' && !stripsTypes ? ['--import', 'tsx'] : []
