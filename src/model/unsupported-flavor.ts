import { ServingError } from '../errors.ts'

/** What turns a model of a flavor into ONNX; null where nothing does. In order of preference. */
const CONVERTERS: Readonly<Record<string, string | null>> = {
  sklearn: "skl2onnx: to_onnx(model, X[:1], options={'zipmap': False})",
  xgboost: "onnxmltools: convert_xgboost(model, initial_types=[('X', FloatTensorType([None, n]))])",
  lightgbm:
    "onnxmltools: convert_lightgbm(model, initial_types=[('X', FloatTensorType([None, n]))], zipmap=False)",
  catboost: "CatBoost itself: model.save_model('model.onnx', format='onnx')",
  pytorch: 'PyTorch itself: torch.onnx.export(model, example, dynamo=True)',
  keras: 'tf2onnx: tf2onnx.convert.from_keras(model)',
  tensorflow: 'tf2onnx: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx',
  transformers: 'Optimum: optimum-cli export onnx --model FOLDER OUTPUT',
  sentence_transformers: 'Optimum: optimum-cli export onnx --model FOLDER OUTPUT',
  spark: 'onnxmltools: convert_sparkml(model, initial_types=...)',
  paddle: 'paddle2onnx: paddle2onnx --model_dir FOLDER --save_file model.onnx',
  h2o: 'onnxmltools: convert_h2o(MOJO_FILE)',
  statsmodels: null,
  prophet: null,
  pmdarima: null,
  spacy: null,
  langchain: null,
  llama_index: null,
  openai: null,
  dspy: null,
}

/** MLmodel has flavors, and none that an engine can run: says which, and how to convert. */
export function explainUnsupportedFlavor(flavors: Readonly<Record<string, unknown>>): ServingError {
  const known = Object.keys(CONVERTERS).find((name) => name in flavors)
  const named = known ?? Object.keys(flavors).find((name) => name !== 'python_function')
  const flavor = named ?? 'python_function'
  return new ServingError(
    'MODEL_UNSUPPORTED',
    `Baton runs the flavors onnx and tfjs, and this model was saved as ${flavor}. ${advice(flavor)}`,
    { details: { flavors: Object.keys(flavors) } },
  )
}

function advice(flavor: string): string {
  const converter = CONVERTERS[flavor]
  if (converter) {
    return `Convert it with ${converter}; then log it with mlflow.onnx.log_model.`
  }
  if (flavor === 'python_function') {
    return 'Its predict is Python code, which Baton does not run: export what it computes to ONNX, and log that with mlflow.onnx.log_model.'
  }
  return 'No converter to ONNX is known for it: serve it with mlflow models serve.'
}
