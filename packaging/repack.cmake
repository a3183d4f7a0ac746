# SPDX-License-Identifier: MIT
# repack.cmake - CPack runs it on the packages it has made: puts right what it cannot be told, and has
# dpkg-deb build them. Debian's tools do the rest as they would for any package.
#
#   libgor0        a trigger is ldconfig's way in, so the scripts that call it go
#   X-dbgsym       its documents are those of X; checksums name files as they will be installed

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

function(adopt_symbols folder name)
    string(REGEX REPLACE "-dbgsym$" "" owner ${name})
    file(MAKE_DIRECTORY ${folder}/usr/share/doc)
    file(CREATE_LINK ${owner} ${folder}/usr/share/doc/${name} SYMBOLIC)
    file(GLOB_RECURSE files RELATIVE ${folder} ${folder}/*.debug)
    set(sums "")
    foreach(file ${files})
        file(CHMOD ${folder}/${file} FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
        file(MD5 ${folder}/${file} sum)
        string(APPEND sums "${sum}  ${file}\n")
    endforeach()
    file(WRITE ${folder}/DEBIAN/md5sums "${sums}")
endfunction()

foreach(package ${CPACK_PACKAGE_FILES})
    get_filename_component(file ${package} NAME)
    string(REGEX REPLACE "_.*" "" name ${file})
    set(folder ${CPACK_TEMPORARY_DIRECTORY}/repack/${name})
    file(REMOVE_RECURSE ${folder})
    file(MAKE_DIRECTORY ${folder})
    run(dpkg-deb -R ${package} ${folder})
    if(name MATCHES "-dbgsym$")
        adopt_symbols(${folder} ${name})
    elseif(name MATCHES "^libgor[0-9]+$")
        file(REMOVE ${folder}/DEBIAN/postinst ${folder}/DEBIAN/postrm)
    endif()
    run(dpkg-deb --root-owner-group -Zxz -b ${folder} ${package})
endforeach()
