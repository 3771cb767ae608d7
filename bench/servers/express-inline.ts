import express from 'express'
import { openPlainModel } from './plain-model.ts'

/** What a Node developer writes first: Express, and the model in the main thread. */
const model = await openPlainModel(process.env.MODEL ?? '')
const app = express()
app.use(express.json({ limit: '64mb' }))
app.post('/invocations', async (request, response) => {
  response.json({ predictions: await model.predict(request.body.inputs) })
})
app.listen(Number(process.argv[2]), '127.0.0.1')
