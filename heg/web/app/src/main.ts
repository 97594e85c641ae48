// Where the page begins.

import { Shell } from "./shell";

new Shell().start();
