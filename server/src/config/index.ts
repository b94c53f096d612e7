export { loadConfig, resolvePacs, type Environment, type LoadedConfig } from './load.js';
export { isLoopback } from './loopback.js';
export { printConfig } from './print.js';
export { configSchema, type Config, type ConfigInput, type PacsSettings, type SecretRef } from './schema.js';
export { listSettings, pacsVariables, type Setting } from './settings.js';
