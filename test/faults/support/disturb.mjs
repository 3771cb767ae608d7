/**
 * Imported by a Baton under test before anything else (NODE_OPTIONS): does to its threads, and to its clock, what its
 * parent tells it by {@link Baton.tell}.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { BroadcastChannel, isMainThread } from 'node:worker_threads'

const channel = new BroadcastChannel('disturb')
channel.unref()

/** What a thread does to itself, by the name of the disturbance. */
const HARMS = {
  throw: () => {
    throw new Error('disturbed')
  },
  exit: () => process.exit(7),
  memory: () => {
    const hoard = []
    for (;;) hoard.push(new Array(1024).fill(hoard.length))
  },
}

function disturbThread() {
  channel.onmessage = ({ data }) => setImmediate(HARMS[data] ?? (() => {}))
}

/** Sets the clock that people see, as an operator or NTP may; the monotonic one is not theirs to set. */
function moveClock(ms) {
  const now = Date.now
  Date.now = () => now() + ms
}

function limitThreads(heapMb) {
  const threads = createRequire(import.meta.url)('node:worker_threads')
  threads.Worker = class extends threads.Worker {
    constructor(file, options) {
      super(file, { ...options, resourceLimits: { maxOldGenerationSizeMb: heapMb } })
    }
  }
  syncBuiltinESMExports()
}

if (!isMainThread) disturbThread()
else if (process.ppid === Number(process.env.DISTURB_PARENT)) {
  if (process.env.DISTURB_HEAP_MB) limitThreads(Number(process.env.DISTURB_HEAP_MB))
  process.on('message', (message) => {
    const [what, amount] = String(message).split(' ')
    if (what === 'clock') moveClock(Number(amount))
    else channel.postMessage(what)
  })
  // The way to be told keeps nobody alive.
  process.channel?.unref()
}
