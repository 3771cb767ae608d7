import { batchingCase } from './batching.ts'
import type { Case } from './case.ts'
import { codecsCase } from './codecs.ts'
import { coldStartCase } from './cold-start.ts'
import { coresCase } from './cores.ts'
import { enginesCase } from './engines.ts'
import { fairnessCase } from './fairness.ts'
import { handoverCase } from './handover.ts'
import { httpCase } from './http-case.ts'
import { manyModelsCase } from './many-models.ts'
import { memoryCase } from './memory.ts'
import { peersCase } from './peers.ts'
import { sessionCase } from './session.ts'
import { stallCase } from './stall.ts'

const EVERYONE = ['floor', 'hono', 'baton', 'express', 'piscina'] as const
const CONNECTIONS = [1, 16, 64, 256] as const
const SMALL = [
  { rows: 1, connections: CONNECTIONS },
  { rows: 32, connections: CONNECTIONS },
] as const

export const CASES: readonly Case[] = [
  sessionCase,
  enginesCase,
  httpCase('iris', 'a tiny model: the cost of serving itself', EVERYONE, SMALL),
  httpCase('mlp', '9.5 MB of dense layers', EVERYONE, SMALL),
  httpCase('image', '3x224x224 in JSON, a megabyte a request', EVERYONE, [
    { rows: 1, connections: [1, 8, 64, 256] },
    { rows: 32, connections: [1] },
  ]),
  peersCase,
  coresCase,
  batchingCase,
  stallCase,
  handoverCase,
  memoryCase,
  coldStartCase,
  manyModelsCase,
  fairnessCase,
  codecsCase,
]
