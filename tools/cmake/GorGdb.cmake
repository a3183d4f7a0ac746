# SPDX-License-Identifier: MIT
# GorGdb.cmake - has gdb load the commands for goroutines by itself with a library or program of ours.

# gor_install_gdb(<target> <folder it is installed to>): gdb looks for the script in a tree of its own,
# under the path of the file it debugs. Where that is, `cmake --install --prefix` decides only then.
function(gor_install_gdb target folder)
    install(CODE "
        get_filename_component(folder \"${folder}\" ABSOLUTE BASE_DIR \"\${CMAKE_INSTALL_PREFIX}\")
        get_filename_component(data \"${CMAKE_INSTALL_DATADIR}\" ABSOLUTE
            BASE_DIR \"\${CMAKE_INSTALL_PREFIX}\")
        file(INSTALL \"${CMAKE_SOURCE_DIR}/runtime/gdb/gor-gdb.py\"
            DESTINATION \"\${data}/gdb/auto-load\${folder}\"
            RENAME \"$<TARGET_FILE_NAME:${target}>-gdb.py\")"
        COMPONENT gor_gdb)
endfunction()
