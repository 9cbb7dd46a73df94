import './scenarios/overlay.js';
import './scenarios/pixels.js';
