/** filter: pictures of channels as tensors for detectors, or as pictures of another format. */
export { Filter, type FilterStats, openFilter } from './filter.js';
export { type FilterInput, filterInputs, type FilterInputs } from './filter-inputs.js';
export { type FilterOptions, type FilterTarget } from './options.js';
