import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestProject } from 'vitest/node'
import { Backend, type Environment, whyNotHere } from '../../interop/support/backends.ts'
import { Cleanup } from '../../interop/support/cleanup.ts'
import { MlflowServer } from '../../interop/support/mlflow.ts'
import { readTables, writeTables } from './table.ts'
import { Toxiproxy } from './toxiproxy.ts'

/** Servers that all files share, as they are handed to the processes of the tests. */
export interface StageFacts {
  readonly mlflowUrl: string
  readonly mlflowEnv: Environment
  readonly bucketPort: number
  readonly bucketEnv: Environment
  /** Where toxiproxy's own API answers. */
  readonly toxiproxyUrl: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** Undefined where the servers cannot be had on this machine. */
    stage: StageFacts | undefined
    /** File for measured rows, see `table.ts`. */
    rowsFile: string
  }
}

/** Registered versions: of the smallest affine model, and of one of 32 MiB. */
export const SMALL = { name: 'small', versions: 3 } as const
export const LARGE = { name: 'large', versions: 2 } as const

/**
 * Starts a bucket, MLflow over it, and toxiproxy, and registers models; ends with the tables that the tests measured.
 * With BATON_WRITE_TABLES=1 they go into docs/reliability.md.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cleanup = new Cleanup()
  const folder = await mkdtemp(path.join(tmpdir(), 'baton-faults-'))
  cleanup.add(folder, (it) => rm(it, { recursive: true, force: true }))
  const rowsFile = path.join(folder, 'rows.jsonl')
  project.provide('rowsFile', rowsFile)
  try {
    project.provide('stage', await build(cleanup))
  } catch (error) {
    await cleanup.run()
    throw error
  }
  return async () => {
    const tables = await readTables(rowsFile)
    for (const table of tables.values()) process.stdout.write(`\n${table}\n`)
    if (process.env.BATON_WRITE_TABLES === '1') await writeTables(tables)
    await cleanup.run()
  }
}

async function build(cleanup: Cleanup): Promise<StageFacts | undefined> {
  const missing = whyNotHere('mlflow.sh', 's3.sh')
  if (missing !== undefined) return skipped(missing)
  let toxiproxy: Toxiproxy
  try {
    toxiproxy = cleanup.add(await Toxiproxy.start(), (it) => it.stop())
  } catch (error) {
    return skipped(`toxiproxy cannot be had: ${String(error)}`)
  }
  const bucket = cleanup.add(await Backend.start('s3.sh'), (it) => it.remove())
  const mlflow = cleanup.add(
    await MlflowServer.start(['sqlite', 's3', 'direct'], bucket.env),
    (it) => it.remove(),
  )
  await mlflow.registerSized(SMALL.name, SMALL.versions, 0)
  await mlflow.registerSized(LARGE.name, LARGE.versions, 32)
  return {
    mlflowUrl: mlflow.url,
    mlflowEnv: mlflow.clientEnv,
    bucketPort: bucket.port,
    bucketEnv: bucket.env,
    toxiproxyUrl: toxiproxy.url,
  }
}

function skipped(reason: string): undefined {
  process.stderr.write(`\nfaults: EVERY TEST AGAINST MLflow AND S3 IS SKIPPED: ${reason}\n\n`)
  return undefined
}
