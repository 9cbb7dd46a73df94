/** up: cameras and what is made of them in one process, as a file says, and as it changes. */
export { type ConfigResult, type Plan, readConfig } from './config.js';
export { ConfigFile } from './config-file.js';
export { type PartSpec, withServices } from './part-spec.js';
export { Positions } from './positions.js';
export { describeProblem, type Problem, problemAt, problemsOf } from './problems.js';
export { type HealthServices, openServices, type OpenServices } from './services.js';
export { configJsonSchema } from './schema.js';
export { type PlanChange, Supervisor, type UpEvent } from './supervisor.js';
