import './scenarios/ends.js';
import './scenarios/epochs.js';
