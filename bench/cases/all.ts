import type { Case } from './case.ts'
import { httpCase } from './http-case.ts'
import { sessionCase } from './session.ts'

const EVERYONE = ['floor', 'hono', 'baton', 'express', 'piscina'] as const

export const CASES: readonly Case[] = [
  sessionCase,
  httpCase('iris', 'a tiny model: the cost of serving itself', EVERYONE, {
    connections: [1, 16, 64, 256],
    rows: [1, 32],
  }),
  httpCase('mlp', '9.5 MB of dense layers', EVERYONE, {
    connections: [1, 16, 64, 256],
    rows: [1, 32],
  }),
  httpCase('image', '3x224x224 in JSON, a megabyte a request', EVERYONE, {
    connections: [1, 8],
    rows: [1],
  }),
]
