export { load, save } from "./checkpoint.js";
export {
  decodeTensors,
  encodeTensors,
  type LoadedTensors,
  loadTensors,
  type LoadTensorsOptions,
  type NamedTensors,
  saveTensors,
  type SaveTensorsOptions,
} from "./safetensors.js";
