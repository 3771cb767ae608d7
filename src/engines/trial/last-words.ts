const KEPT_CHARACTERS = 4096
const MOST_CHARACTERS = 300

/** Stack frames, rulers, and what Node.js prints below them. */
const NOISE = /^\s*(at |#?\d+: |-----|Node\.js v|$)/

/** The end of what a process wrote to standard error, of which a person needs one line. */
export class LastWords {
  #text = ''

  add(chunk: string): void {
    this.#text = (this.#text + chunk).slice(-KEPT_CHARACTERS)
  }

  /** The last line that says something, folders left out of its paths; undefined when nothing was written. */
  get line(): string | undefined {
    const line = this.#text.split('\n').findLast((candidate) => !NOISE.test(candidate))
    return line === undefined ? undefined : withoutFolders(line.trim()).slice(0, MOST_CHARACTERS)
  }
}

function withoutFolders(line: string): string {
  return line.replaceAll(/(?:file:\/\/)?(?:[A-Za-z]:)?(?:[\\/][\w.@+~-]+)+[\\/]([\w.@+~-]+)/g, '$1')
}
