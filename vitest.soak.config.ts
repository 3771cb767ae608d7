import { defineConfig } from 'vitest/config'

// The built server under load for minutes: as long as BATON_SOAK_MINUTES says, 10 if it does not.
export default defineConfig({
  test: {
    include: ['test/soak/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 7_200_000,
    hookTimeout: 120_000,
  },
})
