import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Case } from './case.ts'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** Other model servers, started and measured by a rig that is not part of Baton (`--peers <folder>`). */
export const peersCase: Case = {
  name: 'peers',
  about: 'other model servers, with --peers <folder of the rig>',
  async run({ peers, seconds, rounds }) {
    const name = 'peers'
    const title = 'other model servers'
    const python = join(process.env.ANCHORS_DIR ?? join(tmpdir(), 'anchors'), 'venv/rig/bin/python')
    if (peers === undefined || !existsSync(python)) {
      const missing = peers === undefined ? '--peers was not given' : `${python} is not there`
      return [{ name, title, lines: [], notes: [`Left out: ${missing}.`] }]
    }
    const serve = `${process.execPath} ${MAIN} serve -m {model_dir} --port {port}`
    const url = 'http://127.0.0.1:{port},format=invocations'
    const args = [join(peers, 'bench.py'), '--seconds', String(seconds), '--rounds', String(rounds)]
    const { stdout } = spawnSync(
      python,
      [...args, '--extra', `baton=${url}`, '--extra-cmd', `baton=${serve}`],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    )
    return [{ name, title, lines: [], notes: [stdout] }]
  },
}
