// SPDX-License-Identifier: Apache-2.0
/** A program that uses Strand from the module path; without this file it would from the class path. */
module org.cemlang.strand.consumer {
    requires org.cemlang.strand;
}
