// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

/**
 * Where a line's bytes land, and where text becomes bytes. One a scheduler is enough: from the step
 * that filled it to the end of the decoding no strand parks, nor from the encoding to the step. The
 * library puts a larger array in place when a line needs one.
 */
final class LineBuffer {
    byte[] bytes = new byte[8 * 1024];
}
